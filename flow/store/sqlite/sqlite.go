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
		s.write.Close()
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	if s.read, err = open(path, "_query_only=1&_busy_timeout=10000", readers); err != nil {
		s.write.Close()
		return nil, fmt.Errorf("store %s: %w", path, err)
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

// A row is an object with the columns beside it.
type row struct {
	table, id, customer, node, status string
	created, deleted                  event.Time
	doc                               []byte
}

// rowOf makes the row of an event's object; none for events that are not kept.
func rowOf(e *event.Event) (row, bool) {
	var (
		r   row
		obj any
		err error
	)
	switch e.Resource() {
	case "call":
		var c event.Call
		err = e.Decode(&c)
		r = row{table: "calls", id: c.ID, customer: c.CustomerID, node: c.Node, status: c.Status, created: c.TMCreate, deleted: c.TMDelete}
		obj = c
	case "conference":
		var c event.Conference
		err = e.Decode(&c)
		r = row{table: "conferences", id: c.ID, customer: c.CustomerID, node: c.Node, status: c.Status, created: c.TMCreate, deleted: c.TMDelete}
		obj = c
	case "conferencecall":
		var c event.Conferencecall
		err = e.Decode(&c)
		r = row{table: "conferencecalls", id: c.ID, customer: c.CustomerID, node: c.Node, status: c.Status, created: c.TMCreate, deleted: c.TMDelete}
		obj = c
	case "recording":
		var c event.Recording
		err = e.Decode(&c)
		r = row{table: "recordings", id: c.ID, customer: c.CustomerID, node: c.Node, status: c.Status, created: c.TMCreate, deleted: c.TMDelete}
		obj = c
	default:
		return r, false
	}
	if err != nil || r.id == "" || r.id == event.NilID {
		return r, false
	}
	r.doc, err = json.Marshal(obj)
	return r, err == nil
}

// Apply implements [store.Store].
func (s *Store) Apply(ctx context.Context, events []event.Event) error {
	// Of many states of one object in a batch only the last is written.
	type key struct{ table, id string }
	rows := map[key]row{}
	var order []key
	seqs := map[string]uint64{}
	for i := range events {
		e := &events[i]
		if e.Call != "" {
			seqs[e.Call] = max(seqs[e.Call], e.CallSeq)
		}
		r, ok := rowOf(e)
		if !ok {
			continue
		}
		k := key{r.table, r.id}
		if _, ok := rows[k]; !ok {
			order = append(order, k)
		}
		rows[k] = r
	}
	if len(order) == 0 && len(seqs) == 0 {
		return nil
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, k := range order {
		r := rows[k]
		if _, err := tx.ExecContext(ctx, `INSERT INTO `+r.table+` (id, customer_id, node, status, tm_create, tm_delete, doc) VALUES (?,?,?,?,?,?,?)
			ON CONFLICT (id) DO UPDATE SET customer_id=excluded.customer_id, node=excluded.node, status=excluded.status,
			tm_create=excluded.tm_create, tm_delete=excluded.tm_delete, doc=excluded.doc`,
			r.id, r.customer, r.node, r.status, micros(r.created), micros(r.deleted), string(r.doc)); err != nil {
			return err
		}
	}
	for call, seq := range seqs {
		if _, err := tx.ExecContext(ctx, `INSERT INTO call_seqs (call_id, seq) VALUES (?,?)
			ON CONFLICT (call_id) DO UPDATE SET seq=max(seq, excluded.seq)`, call, int64(seq)); err != nil {
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
	q := `SELECT doc FROM ` + table + ` WHERE tm_delete = 0`
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
	err := s.read.QueryRowContext(ctx, `SELECT doc FROM `+table+` WHERE id = ?`, id).Scan(&doc)
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

// openOf gives the objects whose status is not over; call names the call in an
// object by its SQL expression.
func openOf[T any](ctx context.Context, s *Store, table, over, call, node string) ([]store.Open[T], error) {
	rows, err := s.read.QueryContext(ctx, `SELECT doc, coalesce((SELECT seq FROM call_seqs WHERE call_id = `+call+`), 0) FROM `+table+`
		WHERE status <> '`+over+`' AND node IN (?, '') ORDER BY tm_create, id`, node)
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
