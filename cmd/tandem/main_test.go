package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestWrongCommandLine(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{nil, "tandem --help lists the commands"},
		{[]string{"frob"}, "tandem --help lists the commands"},
		{[]string{"call"}, "tandem call --help lists its flags"},
		{[]string{"call", "--frob", "sip:a@b"}, "tandem call --help lists its flags"},
		{[]string{"route", "--to"}, "tandem route --help lists its flags"},
	}
	for _, tt := range tests {
		var out, stderr bytes.Buffer
		if code := run(tt.args, &out, &stderr); code != exitRuntime {
			t.Errorf("%v: exit %d", tt.args, code)
		}
		if !strings.HasPrefix(stderr.String(), "tandem: ") || !strings.HasSuffix(stderr.String(), tt.want+"\n") {
			t.Errorf("%v: %s", tt.args, stderr.String())
		}
	}
}

// TestCallThatIsNotPlaced: what can be known before is known before anybody's
// phone rings.
func TestCallThatIsNotPlaced(t *testing.T) {
	const uri = "sip:100@127.0.0.1:9"
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"foo"}, `"foo": malformed URI; write one such as sip:100@127.0.0.1:5060, or a number with --trunk`},
		{[]string{"tel:+4611"}, `"tel:+4611" is no SIP URI`},
		{[]string{"--digits", "12x", uri}, "--digits: bad digit 'x' at 3"},
		{[]string{"--play", "main_test.go", uri}, "--play: "},
		{[]string{"--record", "/no/such/folder/x.wav", uri}, "--record: there is no folder /no/such/folder"},
		{[]string{"--duration", "0s", uri}, "--duration: 0s"},
		{[]string{"--codec", "g729", uri}, `unknown codec "g729"`},
		{[]string{"--trunk", "acme", "4711"}, "--trunk needs -c FILE"},
	}
	for _, tt := range tests {
		var out, stderr bytes.Buffer
		code := run(append([]string{"call"}, tt.args...), &out, &stderr)
		if code != exitRuntime || out.Len() > 0 || !strings.HasPrefix(stderr.String(), "tandem: "+tt.want) {
			t.Errorf("%v: exit %d, %s%s", tt.args, code, out.String(), stderr.String())
		}
	}
}

func TestSeconds(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: seconds}))
	log.Info("x", "dur", 3744*time.Millisecond+300*time.Microsecond)
	if !strings.Contains(b.String(), `"dur":3.744}`) {
		t.Error(b.String())
	}
}
