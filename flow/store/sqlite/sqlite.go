// Package sqlite keeps records in one SQLite file, in WAL mode: one connection
// writes, others read beside it.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/pressly/goose/v3"

	"tandem/flow/event"
	"tandem/flow/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many connections read at once.
const readers = 4

// A Store is a [store.Store] in an SQLite file.
type Store struct {
	write *sql.DB
	read  *sql.DB

	upserts map[string]*sql.Stmt // by table
	number  *sql.Stmt            // keeps a call's number
}

var _ store.Store = (*Store)(nil)

// Open opens the file at path, which is made where it is not there, and brings
// its tables up to date.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{}
	var err error
	// WAL with synchronous=NORMAL loses nothing when the process is killed;
	// after a power cut the journal of events still has what is missing.
	if s.write, err = open(path, "_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=10000&_txlock=immediate", 1); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if err := migrate(ctx, s.write); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, errors.Join(err, s.write.Close()))
	}
	if err := s.prepare(ctx); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, errors.Join(err, s.write.Close()))
	}
	if s.read, err = open(path, "_query_only=1&_busy_timeout=10000", readers); err != nil {
		return nil, fmt.Errorf("store %s: %w", path, errors.Join(err, s.write.Close()))
	}
	return s, nil
}

func open(path, params string, conns int) (*sql.DB, error) {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: params}
	db, err := sql.Open("sqlite3", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// Close implements [store.Store].
func (s *Store) Close() error { return errors.Join(s.read.Close(), s.write.Close()) }

// tables says where each resource is kept.
func tables() map[string]string {
	return map[string]string{"call": "calls", "conference": "conferences", "conferencecall": "conferencecalls", "recording": "recordings"}
}

// in puts the name of a table, one of ours, into a query.
func in(table, query string) string { return strings.ReplaceAll(query, "{table}", table) }

// prepare makes the statements that Apply uses.
func (s *Store) prepare(ctx context.Context) error {
	var err error
	s.upserts = map[string]*sql.Stmt{}
	for _, table := range tables() {
		columns := []string{"id", "customer_id", "node", "status", "tm_create", "tm_delete", "doc"}
		var set []string
		for _, c := range columns[1:] {
			set = append(set, c+"=excluded."+c)
		}
		if table == "calls" {
			columns = append(columns, "call_seq")
			set = append(set, "call_seq=max(call_seq, excluded.call_seq)")
		}
		//nolint:gosec // the names of our own tables and columns
		q := fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s) ON CONFLICT (id) DO UPDATE SET %s",
			table, strings.Join(columns, ", "), strings.Repeat(", ?", len(columns)-1), strings.Join(set, ", "))
		//nolint:sqlclosecheck // closed with the store's connection
		if s.upserts[table], err = s.write.PrepareContext(ctx, q); err != nil {
			return err
		}
	}
	s.number, err = s.write.PrepareContext(ctx, `UPDATE calls SET call_seq = max(call_seq, ?) WHERE id = ?`)
	return err
}

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, events []event.Event) error {
	rows, order := latest(events)
	seqs := map[string]uint64{}
	for i := range events {
		if e := &events[i]; e.Call != "" {
			seqs[e.Call] = max(seqs[e.Call], e.CallSeq)
		}
	}
	if len(order) == 0 && len(seqs) == 0 {
		return nil
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing after Commit
	// A statement that could be interrupted costs the driver a goroutine, and
	// each of these takes microseconds.
	quick := context.WithoutCancel(ctx)
	upserts := map[string]*sql.Stmt{}
	for table, stmt := range s.upserts {
		stmt := tx.StmtContext(quick, stmt)
		defer stmt.Close()
		upserts[table] = stmt
	}
	for _, k := range order {
		r := rows[k]
		args := []any{r.id, r.customer, r.node, r.status, micros(r.created), micros(r.deleted), string(r.doc)}
		if k.table == "calls" {
			args = append(args, int64(seqs[r.id]))
			delete(seqs, r.id)
		}
		if _, err := upserts[k.table].ExecContext(quick, args...); err != nil {
			return err
		}
	}
	// Calls of which something else is told: a recording, a conference.
	number := tx.StmtContext(quick, s.number)
	defer number.Close()
	for call, seq := range seqs {
		if _, err := number.ExecContext(quick, int64(seq), call); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func micros(t event.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return time.Time(t).UnixMicro()
}

// list reads a page of a table.
func list[T any](ctx context.Context, s *Store, table string, p store.Page) ([]T, error) {
	q := in(table, `SELECT doc FROM {table} WHERE tm_delete = 0`)
	var args []any
	if p.Customer != "" {
		q += ` AND customer_id = ?`
		args = append(args, p.Customer)
	}
	if !p.Before.IsZero() {
		q += ` AND (tm_create, id) < (?, ?)`
		args = append(args, p.Before.Created, p.Before.ID)
	}
	q += ` ORDER BY tm_create DESC, id DESC LIMIT ?`
	args = append(args, p.Size)
	rows, err := s.read.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	objs := []T{}
	for rows.Next() {
		var doc []byte
		var obj T
		if err := rows.Scan(&doc); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(doc, &obj); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
		objs = append(objs, obj)
	}
	return objs, rows.Err()
}

func get[T any](ctx context.Context, s *Store, table, id string) (T, error) {
	var doc []byte
	var obj T
	err := s.read.QueryRowContext(ctx, in(table, `SELECT doc FROM {table} WHERE id = ?`), id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return obj, store.ErrNotFound
	}
	if err != nil {
		return obj, err
	}
	if err := json.Unmarshal(doc, &obj); err != nil {
		return obj, fmt.Errorf("%s %s: %w", table, id, err)
	}
	return obj, nil
}

// openOf gives the objects whose status is not over, and the number of the last
// event about the call that they are or belong to. The status stands in the
// query as it does in the partial index, or the index would not be used.
func openOf[T any](ctx context.Context, s *Store, table, over, node string) ([]store.Open[T], error) {
	rows, err := s.read.QueryContext(ctx, strings.ReplaceAll(in(table, `
		SELECT doc, coalesce((SELECT call_seq FROM calls AS c WHERE c.id = coalesce({table}.doc->>'reference_id', {table}.id)), 0)
		FROM {table} WHERE status <> '{over}' AND node IN (?, '') ORDER BY tm_create, id`), "{over}", over), node)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var objs []store.Open[T]
	for rows.Next() {
		var doc []byte
		var o store.Open[T]
		if err := rows.Scan(&doc, &o.CallSeq); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(doc, &o.Object); err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
		objs = append(objs, o)
	}
	return objs, rows.Err()
}
