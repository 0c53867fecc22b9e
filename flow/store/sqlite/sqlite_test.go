package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tandem/flow/event"
	"tandem/flow/store"
	"tandem/flow/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := Open(context.Background(), filepath.Join(t.TempDir(), "tandem.db"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// TestReopen: what was written is there, and odd characters in the path do not
// matter.
func TestReopen(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "a b?c#d%20.db")
	for i := range 2 {
		s, err := Open(ctx, path)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			err = s.Apply(ctx, []event.Event{{Type: "call_created", Data: event.Call{ID: "00000000-0000-8000-8000-000000000001"}}})
		} else {
			_, err = s.Call(ctx, "00000000-0000-8000-8000-000000000001")
		}
		if err != nil {
			t.Fatal(err)
		}
		var mode string
		if err := s.write.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
			t.Errorf("journal mode %q, %v", mode, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenNowhere(t *testing.T) {
	_, err := Open(context.Background(), "/proc/nowhere/tandem.db")
	if err == nil || !strings.Contains(err.Error(), "/proc/nowhere/tandem.db") {
		t.Errorf("got %v", err)
	}
}

// TestListsUseTheirIndex: a page of a large table is not a scan.
func TestListsUseTheirIndex(t *testing.T) {
	s, err := Open(context.Background(), filepath.Join(t.TempDir(), "tandem.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, q := range []string{
		"SELECT doc FROM calls WHERE tm_delete = 0 AND (tm_create, id) < (1, '') ORDER BY tm_create DESC, id DESC LIMIT 10",
		"SELECT doc FROM calls WHERE status <> 'hangup' AND node IN ('n', '')",
	} {
		for _, step := range plan(t, s, q) {
			if !strings.Contains(step, "USING INDEX") || strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s: %s", q, step)
			}
		}
	}
}

// plan says how SQLite will run a query.
func plan(t *testing.T, s *Store, q string) []string {
	t.Helper()
	rows, err := s.read.Query("EXPLAIN QUERY PLAN " + q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, notused int
		var detail string
		if err := rows.Scan(&id, &parent, &notused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

func BenchmarkApply(b *testing.B) {
	ctx := context.Background()
	s, err := Open(ctx, filepath.Join(b.TempDir(), "tandem.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	// 30 calls, 12 events each: 100 ms at 300 calls a second.
	var batch []event.Event
	for n := range 360 {
		id := fmt.Sprintf("00000000-0000-8000-8000-%012d", n%30)
		raw, err := json.Marshal(event.Call{ID: id, Status: "progressing", Media: &event.Media{Codec: "pcma"}})
		if err != nil {
			b.Fatal(err)
		}
		batch = append(batch, event.Event{Type: "call_updated", Call: id, CallSeq: 1, Data: json.RawMessage(raw)})
	}
	for b.Loop() {
		if err := s.Apply(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/30, "µs/call")
}
