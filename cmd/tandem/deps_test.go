package main

import (
	"os/exec"
	"strings"
	"testing"
)

// layers is the policy of who may import whom, lowest first: a package may
// import only packages of the lines above its own. docs/architecture.md says
// what each is for.
const layers = `
codec
media
media/worker
media/mediatest
media/rtp
media/jitter media/dtmf
media/wav media/tone
media/mixer
media/stream
media/ring
media/record media/prompt
media/speech
media/speech/piper media/speech/espeak
sip
sip/loop
sip/sdp sip/auth sip/resolve
sip/transport
sip/transport/transporttest
sip/transaction
sip/dialog
sip/siptest
sip/ua
sip/trunk
flow/event
flow/store
flow/store/storetest
flow/store/sqlite
flow
flow/flowtest
flow/dial
flow/conference
flow/action
flow/route
flow/cdr flow/webhook
flow/api/guard
flow/api
flow/api/voipbin
config
deploy
cmd/tandem-voice
cmd/tandem/e2e
cmd/tandem
`

func TestLayers(t *testing.T) {
	const mod = "tandem/"
	rank := map[string]int{}
	for i, l := range strings.Split(strings.TrimSpace(layers), "\n") {
		for _, p := range strings.Fields(l) {
			rank[p] = i + 1
		}
	}
	out, err := exec.Command("go", "list", "-tags", "e2e", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, mod+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		pkg := strings.TrimPrefix(f[0], mod)
		if rank[pkg] == 0 {
			t.Errorf("%s is in no layer: add it to the list above and to docs/architecture.md", pkg)
			continue
		}
		for _, imp := range f[1:] {
			dep, ours := strings.CutPrefix(imp, mod)
			if ours && rank[dep] >= rank[pkg] {
				t.Errorf("%s must not import %s", pkg, dep)
			}
			if !strings.HasPrefix(pkg, "sip") && strings.HasPrefix(imp, "github.com/emiago/sipgo") {
				t.Errorf("%s must reach sipgo's types through tandem/sip", pkg)
			}
			if dep == "config" && pkg != "cmd/tandem" {
				t.Errorf("%s must not import config: cmd/tandem hands it what it needs", pkg)
			}
		}
	}
}
