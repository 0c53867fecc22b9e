package worker

// What lies in memory once for a worker, rather than once for each of its
// streams, stays in the processor's cache from one stream to the next; with
// hundreds of streams, fetching what each keeps for itself takes most of the
// time that a packet costs outside the kernel.

// Buffer is room for a packet that is being made, [MaxPacket] bytes. What it
// holds is valid until anything else on the worker makes a packet. On the
// worker.
func (w *Worker) Buffer() []byte { return w.out[:] }

// Shared gives what everything on the worker shares under key; create makes it
// when it is first asked for. On the worker.
func (w *Worker) Shared(key any, create func() any) any {
	v, ok := w.shared[key]
	if !ok {
		v = create()
		w.shared[key] = v
	}
	return v
}
