package flow_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tandem/flow/event"
	"tandem/flow/flowtest"
)

// TestEndedCalls: a call that has ended is remembered for some seconds, as it
// was at its end.
func TestEndedCalls(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *flowtest.World) {
		c, leg := w.Call(does(forever))
		synctest.Wait()
		if n := len(w.Calls.Ended()); n != 0 {
			t.Errorf("%d calls have ended while one is up", n)
		}
		leg.FarHangsUp()
		<-c.Done()
		got := w.Calls.Ended()
		if len(got) != 1 || got[0].ID != c.ID() || got[0].Status != event.CallHangup || got[0].HangupReason != "cancel" {
			t.Errorf("ended: %+v", got)
		}
		time.Sleep(4 * time.Second)
		if n := len(w.Calls.Ended()); n != 0 {
			t.Errorf("%d are remembered for ever", n)
		}
	})
}
