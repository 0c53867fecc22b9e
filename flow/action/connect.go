package action

import (
	"context"
	"errors"
	"slices"
	"time"

	"tandem/flow"
	"tandem/flow/dial"
	"tandem/media"
	"tandem/media/dtmf"
	"tandem/sip"
)

func connect() kind {
	return kind{
		name:  "connect",
		doc:   "Calls destinations, all at once, and connects the caller to the first that answers. When either side hangs up, or nobody answers, the flow goes on.",
		fatal: true,
		options: []option{
			{name: "source", form: anAddress, doc: "What the called party sees; default: the caller, of a call that we placed its destination."},
			{name: "destinations", form: someAddrs, required: true, doc: "Whom to call."},
			{name: "early_media", form: aFlag, doc: "Lets the caller hear what a destination sends before it answers."},
			{name: "relay_reason", form: aFlag, doc: "Hangs the caller up afterwards, as the first destination's call ended."},
		},
		make: func(v values, _ flow.Step, e *Env) flow.Action {
			return &Connect{Source: v.address("source"), Destinations: v.addresses("destinations"), EarlyMedia: v.flag("early_media"), RelayReason: v.flag("relay_reason"), env: e}
		},
	}
}

// Connect calls others and joins one of them with the call.
type Connect struct {
	Source       flow.Address
	Destinations []flow.Address
	EarlyMedia   bool
	RelayReason  bool
	env          *Env
}

// Run implements [flow.Action].
func (a *Connect) Run(c *flow.Call) (flow.Outcome, error) {
	source := a.Source
	if source.Target == "" {
		if source = c.Record().Source; c.Direction() == flow.DirOutgoing {
			source = c.Record().Destination
		}
	}
	w := &waiting{call: c, env: a.env, early: a.EarlyMedia}
	defer w.stop()
	w.begin()
	other, err := dial.Ring(c, dial.Options{
		Source: source, Destinations: a.Destinations, Early: a.EarlyMedia,
		Program:  func() flow.Controller { return flow.Fixed(flow.Sequence(flow.ActionFunc(stayConnected))) },
		Progress: w.progress,
	})
	var failed *dial.Failed
	switch {
	case errors.As(err, &failed):
		if a.RelayReason {
			end := flow.Progress{Reason: flow.ReasonFailed, Cause: sip.StatusCause(404, sip.Local)}
			if len(failed.Ends) > 0 {
				end = failed.Ends[0]
			}
			c.HangupCause(end.Reason, flow.RelayCause(end.Cause))
			return flow.Outcome{}, flow.ErrHangup
		}
		return flow.Outcome{}, nil
	case err != nil:
		return flow.Outcome{}, err
	}
	defer other.End(flow.ReasonNormal)
	if err := c.Accept(sip.AnswerOptions{}); err != nil {
		return flow.Outcome{}, err
	}
	w.stop()
	if err := w.join(other); err != nil {
		return flow.Outcome{}, err
	}
	end, err := talkTo(c, other)
	if err != nil {
		return flow.Outcome{}, err
	}
	if a.RelayReason {
		c.HangupCause(end.Reason, flow.RelayCause(end.Cause))
		return flow.Outcome{}, flow.ErrHangup
	}
	return flow.Outcome{}, nil
}

// talkTo waits until the other party hangs up. Digits go to the other party:
// those of the audio path by themselves, those of INFO here. None is left for
// the flow.
func talkTo(c, other *flow.Call) (flow.Progress, error) {
	for {
		m, err := c.Wait(flow.Forever, func(m flow.Msg) bool {
			switch m := m.(type) {
			case flow.Progress:
				return m.Call == other && m.Status == flow.Ended
			case dtmf.Digit:
				return true
			}
			return false
		})
		if err != nil {
			return flow.Progress{}, err
		}
		switch m := m.(type) {
		case flow.Progress:
			return m, nil
		case dtmf.Digit:
			passDigit(other, m)
		}
	}
}

// infoDigit is how long a digit lasts that came without its length.
const infoDigit = 160 * time.Millisecond

// passDigit presses a digit that came as INFO at the other party; the mixer
// does so with those of the audio path.
func passDigit(other *flow.Call, d dtmf.Digit) {
	if d.Source != dtmf.Info {
		return
	}
	length := d.Duration
	if length <= 0 {
		length = infoDigit
	}
	_ = other.Tell(func(o *flow.Call) { // one that has ended has no use for it
		if err := o.Leg().SendDigits(string(rune(d.Char)), length, 0); err != nil {
			o.Log().Debug("pass digit", "err", err)
		}
	})
}

// stayConnected is the program of a called party: it is joined by who called it,
// and waits for the end.
func stayConnected(c *flow.Call) (flow.Outcome, error) {
	for {
		m, err := c.Wait(flow.Forever, flow.IsDigit)
		if err != nil {
			return flow.Outcome{}, err
		}
		if p := c.Parent(); p != nil {
			passDigit(p, m.(dtmf.Digit))
		}
	}
}

// waiting is what a caller hears until somebody answers.
type waiting struct {
	call    *flow.Call
	env     *Env
	early   bool
	sending []*flow.Call // who has early media
	joined  *flow.Call   // who is heard already
	cancel  func()
}

// ringOnce keeps a ringback that ends at once from being started over and over.
const ringOnce = time.Second

// begin lets a caller who hears us already hear ringback; any other is told by a
// provisional response when somebody rings.
func (w *waiting) begin() {
	c := w.call
	if !c.Hears() {
		return
	}
	prompts := w.env.prompts(c)
	if prompts == nil {
		return
	}
	rate := c.Rate()
	over := false
	w.cancel = func() {
		over = true
		if me, err := c.Participant(); err == nil {
			me.Play(nil, nil)
		}
	}
	var start func()
	start = func() {
		began := c.Now()
		c.Go(func(ctx context.Context) flow.Msg {
			src, err := prompts.Open(ctx, rate, "tone:ringback")
			if err != nil {
				return err
			}
			return src
		}, func(m flow.Msg) {
			src, ok := m.(media.Source)
			if !ok {
				return
			}
			me, err := c.Participant()
			if over || err != nil {
				drop(src)
				return
			}
			me.Play(src, func(err error) {
				if err == nil {
					_ = c.Tell(func(c *flow.Call) { // one that has ended needs no ringback
						if !over && c.Now().Sub(began) >= ringOnce {
							start()
						}
					})
				}
			})
		})
	}
	start()
}

// progress tells the caller how the called parties get on.
func (w *waiting) progress(p flow.Progress) {
	switch {
	case p.Status == flow.Ended:
		if i := slices.Index(w.sending, p.Call); i >= 0 {
			w.sending = slices.Delete(w.sending, i, i+1)
		}
		if p.Call == w.joined {
			w.joined = nil
			w.hearNext()
		}
	case p.Status != flow.Ringing:
	case w.early && p.Media:
		if !slices.Contains(w.sending, p.Call) {
			w.sending = append(w.sending, p.Call)
		}
		if w.joined == nil {
			w.hearNext()
		}
	default:
		if err := w.call.RingBack(); err != nil {
			w.call.Log().Warn("ring", "err", err)
		}
	}
}

// hearNext lets the caller hear the early media of a called party, or ringback
// where none has any.
func (w *waiting) hearNext() {
	if len(w.sending) == 0 {
		w.begin()
		return
	}
	if err := w.call.EarlyMedia(); err != nil {
		w.call.Log().Warn("early media", "err", err)
		return
	}
	w.stop()
	if err := w.join(w.sending[0]); err != nil {
		w.call.Log().Warn("early media", "err", err)
	}
}

// join lets the two hear each other. Another party that has gone already is no
// error: its end is among the messages that wait.
func (w *waiting) join(other *flow.Call) error {
	b, err := w.call.Bridge()
	if err != nil || w.joined == other {
		return err
	}
	w.joined = other
	w.call.MediaMoved()
	err = other.Tell(func(o *flow.Call) {
		if err := o.Join(b); err != nil {
			o.Log().Warn("join", "err", err)
			o.End(flow.ReasonFailed)
		}
	})
	if err != nil {
		w.call.Log().Debug("join", "err", err)
		other.End(flow.ReasonFailed)
	}
	return nil
}

// stop ends the ringback.
func (w *waiting) stop() {
	if w.cancel != nil {
		w.cancel()
		w.cancel = nil
	}
}
