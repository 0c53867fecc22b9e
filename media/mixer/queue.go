package mixer

import (
	"sync"

	"tandem/media/worker"
)

// A Queue runs functions, in the order in which they are given, on the worker
// to which something belongs at the time, also while that moves from one worker
// to another. Ports that can move use it as bridges and participants do.
type Queue struct {
	mu        sync.Mutex
	worker    *worker.Worker
	waiting   []func()
	scheduled bool // run is queued on the worker, or running
	held      bool
}

// NewQueue makes a queue whose functions run on w.
func NewQueue(w *worker.Worker) *Queue { return &Queue{worker: w} }

// Do queues fn. Any goroutine.
func (q *Queue) Do(fn func()) {
	q.mu.Lock()
	q.waiting = append(q.waiting, fn)
	q.schedule()
}

// Worker is the worker on which the functions run now. Any goroutine.
func (q *Queue) Worker() *worker.Worker {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.worker
}

// Hold makes all that is queued wait until Release. It is called by a function
// that the queue runs, or before the first is queued.
func (q *Queue) Hold() {
	q.mu.Lock()
	q.held = true
	q.mu.Unlock()
}

// Release ends Hold; the functions run on w from now on. Any goroutine.
func (q *Queue) Release(w *worker.Worker) {
	q.mu.Lock()
	q.held, q.worker = false, w
	q.schedule()
}

// schedule is called with the lock and gives it back.
func (q *Queue) schedule() {
	if q.scheduled || q.held || len(q.waiting) == 0 {
		q.mu.Unlock()
		return
	}
	q.scheduled = true
	w := q.worker
	q.mu.Unlock()
	w.Do(func() { q.run(w) })
}

func (q *Queue) run(w *worker.Worker) {
	for {
		q.mu.Lock()
		if q.worker != w || q.held || len(q.waiting) == 0 {
			// Where the queue was held and released while we ran, what is
			// left belongs to another worker.
			q.scheduled = false
			q.schedule()
			return
		}
		fn := q.waiting[0]
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		if len(q.waiting) == 0 {
			q.waiting = nil
		}
		q.mu.Unlock()
		fn()
	}
}
