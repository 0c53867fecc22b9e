package flow

import (
	"time"

	"tandem/flow/event"
	"tandem/media/stream"
)

// maxStats is how long a call waits for its stream's counters.
const maxStats = time.Second

// mediaStats are a leg's counters.
type mediaStats struct{ stream.Stats }

// reportMedia writes how the leg's audio fared into the record.
func (c *Call) reportMedia() {
	leg, ok := c.leg.(interface{ Stats(func(stream.Stats)) })
	if !ok {
		return
	}
	come := false
	defer c.On(func(m Msg) bool { _, ok := m.(mediaStats); return ok }, func(m Msg) {
		come = true
		c.rec.Media = mediaRecord(m.(mediaStats).Stats)
	})()
	leg.Stats(func(s stream.Stats) { c.Post(mediaStats{s}) })
	c.drain(maxStats, func() bool { return come })
}

// mediaRecord is what a record says about a stream; nil where there was none.
func mediaRecord(s stream.Stats) *event.Media {
	if !s.RTP.Local.IsValid() {
		return nil
	}
	m := &event.Media{
		Codec:              s.Sent,
		Local:              s.RTP.Local.String(),
		PacketsSent:        s.RTP.Sent,
		BytesSent:          s.RTP.SentBytes,
		PacketsReceived:    s.RTP.Received,
		BytesReceived:      s.RTP.ReceivedBytes,
		PacketsLost:        s.RTP.Lost,
		PacketsLate:        s.RTP.Late + s.Jitter.Late,
		PacketsWrongSource: s.RTP.WrongSource,
		Jitter:             milliseconds(s.RTP.Jitter),
		RTT:                milliseconds(s.RTP.RTT),
		RemoteLoss:         s.RTP.RemoteFraction,
		RemoteJitter:       milliseconds(s.RTP.RemoteJitter),
		MOS:                s.MOS,
	}
	if m.Codec == "" {
		m.Codec = s.Received
	}
	if s.RTP.Remote.IsValid() {
		m.Remote = s.RTP.Remote.String()
	}
	return m
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
