package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checked is what `tandem check` prints about a file, without its folder.
func checked(t *testing.T, yaml string) (out, stderr string, code int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	code = run([]string{"check", "-c", file}, &o, &e)
	short := strings.NewReplacer(filepath.Dir(file)+"/", "")
	return short.Replace(o.String()), short.Replace(e.String()), code
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name, yaml string
		want       []string
	}{
		{"order", "flows:\n  f:\n    - {type: answr}\nroutes:\n  - {to: \"1\", flow: g}\n", []string{
			`t.yaml:3:14: flows.f[0].type: unknown action "answr"`,
			`t.yaml:5:21: routes[0].flow: unknown flow "g"`,
		}},
		{"no list", "flows:\n  f: {type: answer}\n", []string{`t.yaml:2:6: flows.f: want a list of actions`}},
		{"numbers", "trunks: {a: {to: \"sip:a.example\"}}\noutbound: [{to: \"+46*\", trunks: [a]}]\nflows:\n  f:\n    - type: connect\n      option:\n        destinations:\n          - {type: tel, target: \"+4612\"}\n          - {type: tel, target: \"+4712\"}\n          - {type: tel, target: \"${x}\"}\n          - {type: sip, target: \"a@b@c\"}\n          - {type: sip, target: \"desk@192.0.2.10:5060\"}\n", []string{
			`t.yaml:9:33: flows.f[0].option.destinations[1].target: warning: no line of outbound is for +4712; calls to it fail`,
			`t.yaml:11:33: flows.f[0].option.destinations[3].target: warning: "a@b@c" is no SIP address`,
			`t.yaml: good; 1 trunk, 0 routes, 1 flow, 2 warnings`,
		}},
		{"prompts", "flows:\n  f:\n    - type: play\n      option:\n        stream_urls:\n          - file:a.wav\n          - ../a.wav\n          - file:///../a.wav\n          - ftp://a/b.wav\n          - tone:busy/se\n          - tone:425/100,0/100\n          - tone:bell\n          - https://a/b.wav\n          - https:///b.wav\n          - ${x}\n", []string{
			`t.yaml:7:13: flows.f[0].option.stream_urls[1]: warning: "../a.wav" lies outside state_dir/prompts`,
			`t.yaml:8:13: flows.f[0].option.stream_urls[2]: warning: "file:///../a.wav" lies outside state_dir/prompts`,
			`t.yaml:9:13: flows.f[0].option.stream_urls[3]: warning: "ftp://a/b.wav" is nothing to play`,
			`t.yaml:12:13: flows.f[0].option.stream_urls[6]: warning: tone: unknown tone "bell"`,
			`t.yaml:14:13: flows.f[0].option.stream_urls[8]: warning: "https:///b.wav" is no address to ask`,
			`t.yaml: good`,
		}},
		{"URLs", "flows:\n  f:\n    - {type: fetch, option: {event_url: there}}\n    - {type: webhook_send, option: {uri: \"ftp://a\"}}\n    - {type: webhook_send, option: {uri: \"http://${x}\"}}\n", []string{
			`t.yaml:3:41: flows.f[0].option.event_url: warning: "there" is no address to ask`,
			`t.yaml:4:42: flows.f[1].option.uri: warning: "ftp://a" is no address to ask`,
			`t.yaml: good`,
		}},
		{"format", "flows:\n  f:\n    - {type: recording_start, option: {format: mp3}}\n", []string{
			`t.yaml:3:48: flows.f[0].option.format: warning: this build records wav`,
			`t.yaml: good`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, stderr, code := checked(t, tt.yaml)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			for i := range lines {
				if i < len(tt.want) && strings.HasPrefix(lines[i], tt.want[i]) {
					lines[i] = tt.want[i]
				}
			}
			if diff := cmp.Diff(tt.want, lines); diff != "" {
				t.Error(diff)
			}
			if good := strings.Contains(out, ": good"); good != (code == exitOK) || good != (stderr == "") {
				t.Errorf("exit %d, %s", code, stderr)
			}
		})
	}
}

func TestCheckCounts(t *testing.T) {
	_, stderr, code := checked(t, "nude: x\n")
	if want := "tandem: t.yaml: 1 fault\n"; stderr != want || code != exitBadConfig {
		t.Errorf("exit %d, %q; want %q", code, stderr, want)
	}
}
