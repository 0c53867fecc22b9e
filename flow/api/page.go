package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"tandem/flow/event"
	"tandem/flow/store"
)

// PageSize is how many objects a page has at most, and where the client asks
// for no size or an impossible one.
const PageSize = 100

// ReadPage reads page_size and page_token.
func ReadPage(r *http.Request) (store.Page, error) {
	q := r.URL.Query()
	p := store.Page{Size: PageSize}
	if n, err := strconv.Atoi(q.Get("page_size")); err == nil && n > 0 && n <= PageSize {
		p.Size = n
	}
	token := q.Get("page_token")
	if token == "" {
		return p, nil
	}
	text, id, _ := strings.Cut(token, "|")
	t, err := event.ParseTime(text)
	if err != nil || t.IsZero() {
		return p, BadRequest("page_token", "bad page_token %q; give the next_page_token of the page before", token)
	}
	p.Before = store.Place{Created: time.Time(t).UnixMicro(), ID: id}
	return p, nil
}

// A List is a page of objects.
type List[T any] struct {
	Result        []T    `json:"result"`
	NextPageToken string `json:"next_page_token"`
}

// MakeList cuts objs, which are newest first and one more than the page where
// there are more, to a page. place says when an object was created and its id.
func MakeList[T any](objs []T, p store.Page, place func(*T) (event.Time, string)) List[T] {
	l := List[T]{Result: objs[:min(len(objs), p.Size)]}
	if l.Result == nil {
		l.Result = []T{}
	}
	if len(l.Result) == 0 {
		return l
	}
	last, id := place(&l.Result[len(l.Result)-1])
	l.NextPageToken = last.String()
	if len(objs) > p.Size {
		// The token is a time, as clients expect, unless the next object has
		// the same one.
		if next, _ := place(&objs[p.Size]); next.String() == last.String() {
			l.NextPageToken += "|" + id
		}
	}
	return l
}
