package event

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// child publishes for ever and says the number of each event that its reader
// got, until it is killed.
func child(dir string) {
	b, err := Open(dir, Options{Readers: []string{"r"}, SegmentSize: 20000, SyncEvery: time.Millisecond})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	go func() {
		for n := range 1 << 30 {
			b.Publish(Event{Type: "call_updated", Call: "c", Data: n})
			if n%50 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
	}()
	r, err := b.Reader("r", FromOldest)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for {
		recs, err := r.Next(context.Background(), 100)
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		for _, rec := range recs {
			fmt.Println(rec.Event.Seq)
		}
		r.Ack(recs[len(recs)-1].Index)
	}
}

// TestKill: a process that is killed at any moment leaves a journal in which
// everything that a reader was given is there, numbered without gaps or
// repetitions, and which the next process writes on.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var seen uint64
	for run := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "TANDEM_JOURNAL_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			seq, err := strconv.ParseUint(strings.TrimSpace(lines.Text()), 10, 64)
			if err != nil {
				break // cut off by the kill
			}
			// What was not acknowledged before the kill comes again; nothing
			// is left out.
			if seq > seen+1 {
				t.Errorf("run %d: event %d follows %d", run, seq, seen)
			}
			seen = max(seen, seq)
			if n == 300+100*run {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait()
	}
	if seen < 1000 {
		t.Errorf("saw %d events only", seen)
	}
	b := open(t, dir, Options{Readers: []string{"r"}})
	r, err := b.Reader("r", FromOldest)
	if err != nil {
		t.Fatal(err)
	}
	b.Publish(Event{Type: "end"})
	last := r.acked
	for {
		rec := take(t, r, 1)[0]
		if rec.Event.Seq != last+1 {
			t.Fatalf("event %d follows %d", rec.Event.Seq, last)
		}
		last = rec.Event.Seq
		if rec.Event.Type == "end" {
			break
		}
	}
}
