package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"tandem/media/stream"
	"tandem/sip"
)

// A report is what `tandem call` says about its call.
type report struct {
	placed bool // else there is nothing but the error

	URI string `json:"uri"`
	// Network and Address are where the INVITE went.
	Network  string `json:"network,omitempty"`
	Address  string `json:"address,omitempty"`
	Answered bool   `json:"answered"`
	// RingMS and SetupMS are the times from the INVITE to the first
	// provisional response above 100, and to the answer.
	RingMS  int64 `json:"ring_ms"`
	SetupMS int64 `json:"setup_ms"`
	// EndMS is the time from the INVITE to the end of the call.
	EndMS int64 `json:"end_ms"`

	Codec           string  `json:"codec"`
	Local           string  `json:"local"`
	Remote          string  `json:"remote"`
	PacketsSent     uint64  `json:"packets_sent"`
	PacketsReceived uint64  `json:"packets_received"`
	PacketsLost     uint64  `json:"packets_lost"`
	Loss            float64 `json:"loss"` // 0 to 1
	JitterMS        float64 `json:"jitter_ms"`
	RTTMS           float64 `json:"rtt_ms"`
	MOS             float64 `json:"mos"`
	RecordedS       float64 `json:"recorded_s,omitempty"`

	HangupBy string `json:"hangup_by"`
	Status   int    `json:"status"`
	Reason   string `json:"reason"`
	Error    string `json:"error,omitempty"`
}

func (r *report) media(s stream.Stats) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	r.Codec = s.Received
	if r.Codec == "" {
		r.Codec = s.Sent
	}
	r.Local, r.Remote = s.RTP.Local.String(), s.RTP.Remote.String()
	r.PacketsSent, r.PacketsReceived, r.PacketsLost = s.RTP.Sent, s.RTP.Received, s.RTP.Lost
	r.Loss, r.JitterMS, r.RTTMS = math.Round(s.RTP.LossFraction()*10000)/10000, ms(s.RTP.Jitter), ms(s.RTP.RTT)
	r.MOS = math.Round(s.MOS*100) / 100
}

func (r *report) hungup(c sip.Cause) {
	r.HangupBy, r.Status, r.Reason = c.By.String(), c.Status, c.String()
	if r.Answered {
		r.Status = 200
	}
}

// write prints the report.
func (r *report) write(w io.Writer, format string) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	call := r.URI
	if r.Address != "" {
		call += ", by " + r.Network + " to " + r.Address
	}
	line("call", "%s", call)
	switch {
	case r.Answered && r.RingMS > 0:
		line("set-up", "ringing after %d ms, answered after %d ms", r.RingMS, r.SetupMS)
	case r.Answered:
		line("set-up", "answered after %d ms", r.SetupMS)
	case r.HangupBy == sip.Local.String(): // the far end has not said so
		line("set-up", "not answered, given up after %d ms: %s", r.EndMS, r.Reason)
	default:
		line("set-up", "not answered: %s", r.Reason)
	}
	if r.Answered {
		if r.Codec != "" {
			line("codec", "%s, %s to %s", r.Codec, r.Local, r.Remote)
		}
		line("packets", "%d sent, %d received, %d lost (%.1f %%)", r.PacketsSent, r.PacketsReceived, r.PacketsLost, 100*r.Loss)
		if r.PacketsReceived > 0 { // else there is nothing to judge
			line("jitter", "%.1f ms", r.JitterMS)
		}
		if r.RTTMS > 0 {
			line("round trip", "%.1f ms", r.RTTMS)
		}
		if r.PacketsReceived > 0 {
			line("MOS", "%.2f", r.MOS)
		}
		if r.RecordedS > 0 {
			line("recorded", "%.1f s", r.RecordedS)
		}
		line("ended", "by %s: %s", r.HangupBy, r.Reason)
	}
	if r.Error != "" {
		line("error", "%s", r.Error)
	}
	return nil
}
