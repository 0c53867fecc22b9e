package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T, files map[string]string, env map[string]string) (*Config, []string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, ps := Load(filepath.Join(dir, "tandem.yaml"), func(n string) (string, bool) {
		v, ok := env[n]
		return strings.ReplaceAll(v, "DIR", dir), ok
	})
	var got []string
	for _, p := range ps {
		got = append(got, strings.ReplaceAll(p.String(), dir+"/", ""))
	}
	return c, got
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name, yaml string
		want       []string
	}{
		{"empty", "", nil},
		{"comments", "# nothing\n", nil},
		{"syntax", "a: b: c", []string{"tandem.yaml:1:4: mapping value is not allowed in this context; put a text with a colon in quotes, and look at the indentation of the next line"}},
		{"unclosed", "sip: {listen: [a\n", []string{"tandem.yaml:1:15: sequence end token ']' not found; close the [ that is opened here"}},
		{"unclosed earlier", "sip:\n  listen: [a\nmedia: {}\n", []string{"tandem.yaml:3:1: ',' or ']' must be specified; close the [ above, or write the comma that is missing"}},
		{"tab", "sip:\n\tlisten: []\n", []string{`tandem.yaml:2:1: found character '\t' that cannot start any token; indent with spaces, not with tabs`}},
		{"indentation", "sip:\n  listen: []\n   domain: a\n", []string{"tandem.yaml:3:4: value is not allowed in this context; look at the indentation of this line and of those above"}},
		{"quote", "node: \"a\ndrain: 1h\n", []string{"tandem.yaml:1:7: could not find end character of double-quoted text; close the quotation mark that is opened here"}},
		{"no key", "node: x\nfoo\n", []string{"tandem.yaml:2:1: non-map value is specified; write a key, a colon, a space and a value; a text of several lines is indented"}},
		{"reserved", "node: @x\n", []string{"tandem.yaml:1:7: '@' is a reserved character; put the text in quotes"}},
		{"byte order mark", "\ufeffnode: x\n", nil},
		{"no UTF-8", "drain: 1h\nnode: \"å\xff\"\n", []string{"tandem.yaml:2:9: the byte 0xff is no UTF-8; save the file as UTF-8"}},
		{"control character", "node: a\x00b\n", []string{`tandem.yaml:1:8: the character U+0000 is not text; remove it, or write it as "\x00"`}},
		{"unknown key", "trunk: {}\n", []string{`tandem.yaml:1:1: trunk: unknown key; did you mean "trunks"?`}},
		{"unknown key far off", "xyzzy: 1\n", []string{`tandem.yaml:1:1: xyzzy: unknown key; have api, compatibility, customers, drain, events, flows, include, jambonz, max_call, media, mediaservice, network, node, outbound, routes, sip, speech, state_dir, store, trunks, users`}},
		{"unknown nested", "sip:\n  lisen: []\n", []string{`tandem.yaml:2:3: sip.lisen: unknown key; did you mean "listen"?`}},
		{"codec", "trunks:\n  acme:\n    from: [192.0.2.1]\n    codecs: [pcmu, g729]\n", []string{`tandem.yaml:4:20: trunks.acme.codecs: unknown codec "g729"; have pcmu, pcma, gsm, g722`}},
		{"codec later", "media: {codecs: [pcma, opus]}\n", []string{`tandem.yaml:1:24: media.codecs: warning: opus is not in this build yet and will not be offered`}},
		{"codec none left", "media: {codecs: [opus]}\n", []string{
			`tandem.yaml:1:17: media.codecs: no codec is left; give one of pcma, pcmu, gsm, g722`,
			`tandem.yaml:1:18: media.codecs: warning: opus is not in this build yet and will not be offered`,
		}},
		{"codec twice", "media: {codecs: [pcma, PCMA]}\n", []string{`tandem.yaml:1:24: media.codecs: pcma is given twice`}},
		{"ports", "media: {ports: 30000-20000}\n", []string{`tandem.yaml:1:16: media.ports: the range "30000-20000" ends before it begins; write one such as 20000-29999`}},
		{"ports no pair", "media: {ports: 20001-20002}\n", []string{`tandem.yaml:1:16: media.ports: the range "20001-20002" has no even port followed by an odd one; write one such as 20000-29999`}},
		{"ports low", "media: {ports: 80-90}\n", []string{`tandem.yaml:1:16: media.ports: port 80 is reserved; begin at 1024 or above`}},
		{"ports text", "media: {ports: \"many\"}\n", []string{`tandem.yaml:1:16: media.ports: bad port range "many"; write one such as 20000-29999`}},
		{"duration", "drain: 5\nmax_call: soon\n", []string{
			`tandem.yaml:1:8: drain: bad duration "5"; write a number with its unit, such as 500ms, 30s, 5m or 4h`,
			`tandem.yaml:2:11: max_call: bad duration "soon"; write a number with its unit, such as 500ms, 30s, 5m or 4h`,
		}},
		{"duration negative", "drain: -1h\n", []string{`tandem.yaml:1:8: drain: the duration -1h is negative; write 0 or more`}},
		{"network", "trunks: {a: {from: [10.0.0.0/33]}}\n", []string{`tandem.yaml:1:21: trunks.a.from: bad network "10.0.0.0/33"; write an address or a network such as 198.51.100.0/28`}},
		{"network host bits", "trunks: {a: {from: [10.0.0.1/8]}}\n", []string{`tandem.yaml:1:21: trunks.a.from: 10.0.0.1/8 is an address inside a network; write 10.0.0.0/8, or 10.0.0.1 for the address alone`}},
		{"network twice", "trunks:\n  a: {from: [10.0.0.1]}\n  b: {from: [10.0.0.1/32]}\n", []string{`tandem.yaml:3:14: trunks.b.from: 10.0.0.1/32 is trunk a's already; a source is one trunk's`}},
		{"listen", "sip: {listen: [\"sctp://0.0.0.0\"]}\n", []string{`tandem.yaml:1:16: sip.listen: bad address "sctp://0.0.0.0"; write one such as udp://0.0.0.0:5060, with udp, tcp, tls, ws or wss`}},
		{"listen none", "sip:\n  listen: []\n", []string{`tandem.yaml:2:11: sip.listen: must not be empty; write one such as udp://0.0.0.0:5060`}},
		{"listen tls", "sip:\n  listen: [udp://0.0.0.0:5060, tls://0.0.0.0]\n", []string{
			`tandem.yaml:2:32: sip.listen: tls://0.0.0.0:5061 needs a certificate; give sip.tls.certificate and sip.tls.key`,
			`tandem.yaml:2:32: sip.listen: warning: tls://0.0.0.0:5061 is not listened on in this build yet; udp and tcp are`,
		}},
		{"target", "trunks: {a: {to: \"sip:bob@host\"}}\n", []string{`tandem.yaml:1:18: trunks.a.to: the target "sip:bob@host" has a user part; leave it out: the number called stands there`}},
		{"environment", "trunks:\n  a: {from: [192.0.2.1], username: u, password: \"x${NOPE}y\"}\n", []string{`tandem.yaml:2:51: trunks.a.password: environment variable NOPE is not set; set it, or write the value here`}},
		{"reference", "node: ${}\n", []string{`tandem.yaml:1:7: node: bad reference ${}; write ${NAME}, ${file:PATH} or ${credential:NAME}`}},
		{"reference not closed", "node: ${x\n", []string{`tandem.yaml:1:7: node: ${ without its }; write $${ for the characters themselves`}},
		{"file", "node: ${file:absent}\n", []string{`tandem.yaml:1:7: node: ${file:absent}: absent: open: no such file or directory`}},
		{"credential", "node: ${credential:x}\n", []string{`tandem.yaml:1:7: node: ${credential:x}: systemd gives no credentials here; add LoadCredential=x to the unit`}},
		{"twice", "drain: 1h\nnode: a\ndrain: 2h\n", []string{`tandem.yaml:3:1: drain: given twice; the first is in line 1`}},
		{"kinds", "sip: 5\nmedia: [a]\nnode: {a: b}\ntrunks: no\nroutes: {flow: x}\n", []string{
			`tandem.yaml:1:6: sip: want keys and values here, not "5"`,
			`tandem.yaml:2:8: media: want keys and values here, not a list`,
			`tandem.yaml:3:7: node: want a single value here, not keys and values`,
			`tandem.yaml:4:9: trunks: want names and values here`,
			`tandem.yaml:5:16: routes[0].flow: unknown flow "x"; there is none`,
		}},
		{"boolean", "trunks: {a: {from: [192.0.2.1], register: yes}}\n", []string{
			`tandem.yaml:1:43: trunks.a.register: "yes" is neither true nor false`,
			`tandem.yaml:1:43: trunks.a.register: warning: tandem does not register with trunks in this build yet`,
		}},
		{"number", "trunks: {a: {from: [192.0.2.1], limits: {calls: -1}}}\n", []string{`tandem.yaml:1:49: trunks.a.limits.calls: -1 is too small; write 0 or more`}},
		{"enum", "routes: [{to: \"6\", service: ecko}]\n", []string{`tandem.yaml:1:29: routes[0].service: unknown service "ecko"; have echo, tone, music, readback, time`}},
		{"route to nowhere", "routes:\n  - {to: \"1\"}\n", []string{`tandem.yaml:2:5: routes[0]: leads nowhere; give one of flow, jambonz, mediaservice, service, conference, reject`}},
		{"route to two", "routes:\n  - {to: \"1\", service: echo, reject: 403}\n", []string{`tandem.yaml:2:5: routes[0]: leads to several places: service, reject; give one of them`}},
		{"route names", "trunks: {acme: {from: [192.0.2.1]}}\nflows: {reception: [{type: answer}]}\nroutes:\n  - {trunk: acne, flow: receptoin}\n  - {trunk: users, to: \"7\", jambonz: ivr}\n  - {to: \"8\", mediaservice: a.example}\n  - {to: \"9\", reject: 200}\n", []string{
			`tandem.yaml:4:13: routes[0].trunk: unknown trunk "acne"; did you mean "acme"?`,
			`tandem.yaml:4:25: routes[0].flow: unknown flow "receptoin"; did you mean "reception"?`,
			`tandem.yaml:5:38: routes[1].jambonz: unknown application "ivr"; there is none`,
			`tandem.yaml:5:38: routes[1].jambonz: warning: jambonz applications are not called in this build yet; the route refuses its calls`,
			`tandem.yaml:6:29: routes[2].mediaservice: unknown domain "a.example"; there is none`,
			`tandem.yaml:6:29: routes[2].mediaservice: warning: mediaservice applications are not called in this build yet; the route refuses its calls`,
			`tandem.yaml:7:23: routes[3].reject: 200 refuses nothing; write a SIP status from 300 to 699, such as 403`,
		}},
		{"route unreachable", "routes:\n  - {service: echo}\n  - {to: \"1\", service: time}\n", []string{`tandem.yaml:3:5: routes[1]: warning: is never reached: routes[0] takes every call`}},
		{"no route", "routes:\n  - 5\n  - {to: \"1\", service: time}\n", []string{`tandem.yaml:2:5: routes[0]: want keys and values here, not "5"`}},
		{"route id", "routes: [{flow: 4553c074-c88d-49e5-9d47-5c01598ac099}]\n", nil},
		{"outbound", "trunks: {a: {from: [192.0.2.1]}, b: {to: \"sip:b\"}}\noutbound:\n  - {to: \"+46*\", trunks: [a, b, c]}\n  - {trunks: []}\n", []string{
			`tandem.yaml:3:27: outbound[0].trunks: trunk a says not where its calls go; give trunks.a.to`,
			`tandem.yaml:3:33: outbound[0].trunks: unknown trunk "c"; did you mean "a"?`,
			`tandem.yaml:4:5: outbound[1]: to is missing; number the line is for; * stands for any characters`,
			`tandem.yaml:4:14: outbound[1].trunks: must not be empty; name the trunks to try`,
		}},
		{"webhook", "events:\n  webhooks: [{url: \"ftp://x/y\"}, {secret: s}, {url: \"no\"}]\n", []string{
			`tandem.yaml:2:20: events.webhooks[0].url: a URL with ftp is of no use here; write one with http, https`,
			`tandem.yaml:2:34: events.webhooks[1]: url is missing; URL the events are posted to`,
			`tandem.yaml:2:53: events.webhooks[2].url: bad URL "no"; write one such as https://app.example.net/events`,
		}},
		{"webhook twice", "events:\n  webhooks: [{url: \"http://x/y\"}, {url: \"http://x/y\"}]\n", []string{`tandem.yaml:2:41: events.webhooks[1].url: is that of events.webhooks[0] too; join their types`}},
		{"api", "api: {listen: localhost}\n", []string{`tandem.yaml:1:15: api.listen: the port is missing; write one such as 127.0.0.1:8080`}},
		{"flow kind", "flows: {a: {type: answer}, b: }\n", []string{
			`tandem.yaml:1:12: flows.a: want a list of actions, such as - {type: answer}`,
			`tandem.yaml:1:28: flows.b: the flow is empty; give it a list of actions`,
		}},
		{"alias unknown", "drain: *d\n", []string{`tandem.yaml:1:8: unknown alias *d; there is none`}},
		{"two documents", "node: a\n---\nnode: b\n", []string{`tandem.yaml:3:1: a second document in the file; join them or use include`}},
		{"included alone", "include: [absent.yaml, \"conf.d/*.yaml\"]\n", []string{"tandem.yaml:1:11: include: there is no file absent.yaml"}},
		{"pending", "users: {\"2001\": {password: x}}\nstore: postgres://x\ncustomers: {}\ncompatibility: strict\n", []string{
			`tandem.yaml:1:8: users: warning: users cannot register in this build yet`,
			`tandem.yaml:2:8: store: warning: records are kept in SQLite in this build`,
			`tandem.yaml:4:16: compatibility: unknown compatibility "strict"; have strict_voipbin`,
			`tandem.yaml:4:16: compatibility: warning: this build has tandem's own behaviour alone`,
		}},
		{"deep", strings.Repeat("[", 5000), []string{"tandem.yaml: nested deeper than 100 levels"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got := load(t, map[string]string{"tandem.yaml": tt.yaml}, nil)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	c, ps := Load(filepath.Join(t.TempDir(), "absent.yaml"), noEnv)
	if c == nil || len(ps) != 1 || !Faulty(ps) || !strings.HasSuffix(ps[0].String(), "absent.yaml: open: no such file or directory") {
		t.Errorf("got %v", ps)
	}
}

func TestValues(t *testing.T) {
	c, faults := load(t, map[string]string{
		"tandem.yaml": `
include: ["conf.d/*.yaml"]
node: ${NODE}-$${x}
base: &b
drain: 30m
sip: {advertise: "sip.example.net:5070"}
`, // base is an unknown key, anchored null
		"secret": "s3cret\n",
	}, map[string]string{"NODE": "n1"})
	if len(faults) != 1 || !strings.Contains(faults[0], "base") {
		t.Errorf("faults: %v", faults)
	}
	if c.Node != "n1-${x}" || c.Drain != 30*time.Minute || c.MaxCall != 4*time.Hour {
		t.Errorf("node %q drain %v max_call %v", c.Node, c.Drain, c.MaxCall)
	}

	c, faults = load(t, map[string]string{
		"tandem.yaml": `
include: conf.d/*.yaml
trunks:
  acme: &acme
    from: [198.51.100.0/28, "2001:db8::1"]
    to: sip:sbc.acme.example:5070;transport=tcp
    username: 4685001
    password: ${file:secret}
    codecs: pcmu
  beta:
    <<: *acme
    from: 192.0.2.7
api: {access_keys: {ops: "${credential:key}", ro: {key: k, scope: read, expires: 2027-01-31}}}
routes:
  - {to: 600, service: echo}
`,
		"conf.d/a.yaml": "routes: [{to: \"+46*\", reject: 403}]\ntrunks: {gamma: {from: 192.0.2.9}}\n",
		"conf.d/b.yaml": "routes: [{service: time}]\noutbound: [{to: \"*\", trunks: [acme, beta]}]\n",
		"secret":        "s3cret\n", "key": "k1",
	}, map[string]string{"CREDENTIALS_DIRECTORY": "DIR"})
	if faults != nil {
		t.Fatal(faults)
	}
	acme, beta := c.Trunks["acme"], c.Trunks["beta"]
	if acme.Password.Reveal() != "s3cret" || acme.Username != "4685001" || acme.To.String() != "sip:sbc.acme.example:5070;transport=tcp" {
		t.Errorf("acme %+v", acme)
	}
	if len(beta.From) != 1 || beta.From[0].String() != "192.0.2.7/32" || beta.To != acme.To {
		t.Errorf("beta %+v", beta)
	}
	if len(c.Trunks) != 3 || len(c.Routes) != 3 || c.Routes[0].To != "600" || c.Routes[1].Reject != 403 || c.Routes[2].Service != "time" || c.Routes[2].To != "*" {
		t.Errorf("routes %+v", c.Routes)
	}
	keys := c.API.AccessKeys
	if keys["ops"].Key != "k1" || keys["ops"].Scope != "all" || keys["ro"].Scope != "read" || keys["ro"].Expires.Format(time.DateOnly) != "2027-02-01" {
		t.Errorf("keys %+v", keys)
	}
	if p := c.Pos("trunks.acme.password"); p.Line != 8 || p.Column != 15 {
		t.Errorf("password at %v", p)
	}
	if p := c.Pos("routes[1].to"); filepath.Base(p.File) != "a.yaml" || p.Column != 15 {
		t.Errorf("included route at %v", p)
	}
}

func TestIncludedTwice(t *testing.T) {
	_, got := load(t, map[string]string{
		"tandem.yaml": "include: [a.yaml]\ndrain: 1h\ntrunks: {x: {from: 192.0.2.1}}\n",
		"a.yaml":      "drain: 2h\ntrunks: {x: {from: 192.0.2.2}}\ninclude: [b.yaml]\n",
	}, nil)
	want := []string{
		"a.yaml:1:1: drain: given twice; the other is at tandem.yaml:2:8",
		"a.yaml:2:10: trunks.x: given twice; the other is at tandem.yaml:3:10",
		"a.yaml:3:1: include: an included file includes no further ones; name them in the main file",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestFlow(t *testing.T) {
	c, got := load(t, map[string]string{"tandem.yaml": `flows:
  menu:
    - {type: answer}
    - type: talk
      option:
        text: "Hello ${voipbin.call.source.target}, ${NAME} ${KEY} ${file:who}"
        number: +4670
    - {id: s, type: variable_set, option: {key: KEY, value: 1.5, on: true, none: , list: [a, 007, 7]}}
`, "who": "bob\n"}, map[string]string{"NAME": "acme", "KEY": "from the environment"})
	if got != nil {
		t.Fatal(got)
	}
	f := c.Flows["menu"]
	want := `[{"type":"answer"},{"type":"talk","option":{"text":"Hello ${voipbin.call.source.target}, acme ${KEY} bob","number":"+4670"}},` +
		`{"id":"s","type":"variable_set","option":{"key":"KEY","value":1.5,"on":true,"none":null,"list":["a","007",7]}}]`
	if d := cmp.Diff(want, string(f.Actions)); d != "" {
		t.Error(d)
	}
	for path, want := range map[string]string{
		"[1].option.text":  "6:15",
		"1.option.text":    "6:15",
		"/1/option/text":   "6:15",
		"[1].option.nope":  "6:9",
		"[0]":              "3:7",
		"[2].option.value": "8:61",
		"[9]":              "3:5",
		"":                 "3:5",
	} {
		if p := f.Pos(path); !strings.HasSuffix(p.String(), "tandem.yaml:"+want) {
			t.Errorf("Pos(%q) = %v, want %s", path, p, want)
		}
	}
	if p := f.Problem("[1].option.text", "is empty; give it a text"); !strings.HasSuffix(p.String(), "tandem.yaml:6:15: flows.menu[1].option.text: is empty; give it a text") {
		t.Errorf("got %v", p)
	}
}

func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 9; i++ {
		ref := "*a" + string(rune('0'+i-1)) + " "
		b.WriteString("a" + string(rune('0'+i)) + ": &a" + string(rune('0'+i)) + " [" + strings.TrimSuffix(strings.Repeat(ref+",", 10), ",") + "]\n")
	}
	b.WriteString("flows: {f: *a8}\n")
	// A hundred million values: without the bound this does not come back.
	_, got := load(t, map[string]string{"tandem.yaml": b.String()}, nil)
	if !strings.Contains(strings.Join(got, "\n"), "expands to more than") {
		t.Errorf("%v", got)
	}
}

func TestAliasOfItself(t *testing.T) {
	_, got := load(t, map[string]string{"tandem.yaml": "flows: {f: &a [*a]}\ntrunks: &t {<<: *t}\n"}, nil)
	_ = got // an error or none: what counts is that it ends
}

func TestSecretsAreHidden(t *testing.T) {
	c, got := load(t, map[string]string{"tandem.yaml": "trunks: {a: {from: 192.0.2.1, username: u, password: hunter2}}\nstore: postgres://u:hunter2@x/y\n"}, nil)
	_, bad := load(t, map[string]string{"tandem.yaml": "media: {ports: \"${X}\", codecs: \"${X}\"}\ndrain: ${X}\ncompatibility: ${X}\nsip: {listen: \"${X}\"}\n"}, map[string]string{"X": "hunter2"})
	if len(bad) < 5 {
		t.Error(bad)
	}
	got = append(got, bad...)
	for _, s := range append(got, sprint(c), sprint(c.Trunks["a"].Password), sprint(c.Trunks)) {
		if strings.Contains(s, "hunter2") {
			t.Errorf("shown: %s", s)
		}
	}
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		p    Pattern
		s    string
		want bool
	}{
		{"*", "", true}, {"600", "600", true}, {"600", "6001", false}, {"+46*", "+46850", true}, {"+46*", "46850", false},
		{"*99", "199", true}, {"*99", "990", false}, {"a*a", "a", false}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxcyyb", false},
	} {
		if got := tt.p.Match(tt.s); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.p, tt.s, got)
		}
	}
}
