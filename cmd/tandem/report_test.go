package main

import (
	"bytes"
	"strings"
	"testing"

	"tandem/sip"
)

func TestReport(t *testing.T) {
	lines := func(r report) string {
		var b bytes.Buffer
		if err := r.write(&b, "text"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	answered := report{URI: "sip:a@b", Network: "udp", Address: "192.0.2.1:5060", Answered: true, SetupMS: 5, RingMS: 2, Codec: "pcmu", PacketsSent: 50, PacketsReceived: 49, MOS: 4.4}
	answered.hungup(sip.Cleared(sip.Remote))
	silent := report{URI: "sip:a@b", Answered: true, PacketsSent: 50, Codec: "pcmu"}
	refused := report{URI: "sip:a@b"}
	refused.hungup(sip.StatusCause(404, sip.Remote))
	lost := report{URI: "sip:a@b", EndMS: 32000}
	lost.hungup(sip.StatusCause(408, sip.Local))
	tests := []struct {
		name       string
		report     report
		want, miss []string
	}{
		{"answered", answered, []string{"sip:a@b, by udp to 192.0.2.1:5060\n", "ringing after 2 ms, answered after 5 ms", "pcmu", "MOS        4.40", "by remote: Q.850 16 Normal Clearing"}, nil},
		{"nothing heard", silent, []string{"50 sent, 0 received"}, []string{"MOS", "jitter"}},
		{"refused", refused, []string{"not answered: 404 Not Found"}, []string{"packets", "given up"}},
		{"no answer", lost, []string{"not answered, given up after 32000 ms: 408 Request Timeout"}, []string{"packets"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(tt.report)
			for _, w := range tt.want {
				if !strings.Contains(got, w) {
					t.Errorf("lacks %q:\n%s", w, got)
				}
			}
			for _, m := range tt.miss {
				if strings.Contains(got, m) {
					t.Errorf("has %q:\n%s", m, got)
				}
			}
		})
	}
}
