//go:build e2e

package e2e

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/codec"
)

// outYAML is a node whose number 200 calls +46701234567 by the trunks one and
// two, with the given options of connect, and then goes on: it answers.
func outYAML(one, two, options string) string {
	return fmt.Sprintf(`
trunks:
  callers: {from: [127.0.0.0/8]}
  one: {to: "%s", username: joe, password: "s3cret, %%", codecs: [pcmu]}
  two: {to: "%s"}
outbound: [{to: "+46*", trunks: [one, two]}]
routes: [{to: "200", flow: out}]
flows:
  out:
    - {type: connect, option: {destinations: [{type: tel, target: "+46701234567"}]%s}}
    - {type: answer}
    - {type: sleep, option: {duration: 60000}}
`, one, two, options)
}

const nowhere = "sip:127.0.0.1:9"

func (w *wire) trunk() string { return "sip:" + w.host() }

// digest reads the parameters of a challenge or of credentials.
func digest(header string) map[string]string {
	p := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^",\s]*))`).FindAllStringSubmatch(header, -1) {
		p[strings.ToLower(m[1])] = m[2] + m[3]
	}
	return p
}

// checkDigest verifies credentials as RFC 7616 §3.4.1 says.
func checkDigest(t *testing.T, m message, header, algorithm, nc string) {
	t.Helper()
	h := func(s string) string {
		if algorithm == "SHA-256" {
			sum := sha256.Sum256([]byte(s))
			return hex.EncodeToString(sum[:])
		}
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	got := m.get(header)
	p := digest(got)
	method, rest, _ := strings.Cut(m.start, " ")
	target, _, _ := strings.Cut(rest, " ")
	want := h(h("joe:carrier.example:s3cret, %") + ":nonce1:" + nc + ":" + p["cnonce"] + ":auth:" + h(method+":"+target))
	if p["response"] != want || p["username"] != "joe" || p["realm"] != "carrier.example" || p["uri"] != target ||
		p["nc"] != nc || p["algorithm"] != algorithm || p["cnonce"] == "" || p["opaque"] != "xyz" {
		t.Errorf("%s: %s: %s\nwant response %s, nc %s, algorithm %s", m.start, header, got, want, nc, algorithm)
	}
	if m.start == "" || strings.Contains(m.raw, "s3cret") {
		t.Error("the password is on the wire")
	}
}

// TestTrunkDigest: a number leaves by the trunk that outbound names; the
// trunk's challenges are answered, to the BYE, and the parties hear each other.
func TestTrunkDigest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status                       int
		challenge, header, algorithm string
	}{
		{407, "Proxy-Authenticate", "proxy-authorization", "MD5"},
		{401, "WWW-Authenticate", "authorization", "SHA-256"},
	} {
		t.Run(c.algorithm, func(t *testing.T) {
			t.Parallel()
			trunk := newWire(t, "127.0.0.1")
			n := start(t, outYAML(trunk.trunk(), nowhere, ""))
			caller := newWire(t, "127.0.0.1")
			a, b := newVoice(t, "127.0.0.1"), newVoice(t, "127.0.0.1")
			call := caller.attempt(n.sip, "200")
			call.seq = 1
			call.request("INVITE", 1, "i", call.to, call.target, "Content-Type: application/sdp\n", a.sdp("8"))

			s := trunk.served()
			if want := fmt.Sprintf("INVITE sip:+46701234567@%s SIP/2.0", trunk.host()); s.invite.start != want {
				t.Errorf("%q, want %q", s.invite.start, want)
			}
			if s.invite.get(c.header) != "" {
				t.Error("credentials before a challenge")
			}
			if _, formats, _ := mediaOf(s.invite.body); !strings.HasPrefix(formats, "0 ") || strings.Contains(formats, "8") {
				t.Errorf("formats %q are offered to a trunk of PCMU", formats)
			}
			s.refuse(c.status, "Who are you", fmt.Sprintf(`%s: Digest realm="carrier.example", nonce="nonce1", opaque="xyz", qop="auth,auth-int", algorithm=%s`+"\n", c.challenge, c.algorithm))
			first := s.invite
			s = trunk.served()
			checkDigest(t, s.invite, c.header, c.algorithm, "00000001")
			if s.invite.get("call-id") != first.get("call-id") || s.invite.get("cseq") != "2 INVITE" || s.invite.get("from") != first.get("from") {
				t.Errorf("second INVITE: Call-ID %q, CSeq %q, From %q", s.invite.get("call-id"), s.invite.get("cseq"), s.invite.get("from"))
			}
			s.respond(180, "Ringing", "", "")
			s.answer(b.sdp("0"))
			m := answered200(t, call.final(false))
			a.talkTo(m.body)
			b.talkTo(s.invite.body)
			a.say(codec.PCMA, low)
			b.say(codec.PCMU, high)
			a.hears("caller", high, 1)
			b.hears("called party", low, 1)
			call.hangup()
			checkDigest(t, s.ended(), c.header, c.algorithm, "00000002")
			for _, rec := range n.records(2) {
				if rec.Direction == "outgoing" && (rec.Trunk != "one" || rec.Destination.Target != "+46701234567") {
					t.Errorf("record: trunk %q, destination %q", rec.Trunk, rec.Destination.Target)
				}
			}
			n.idle()
		})
	}
}

// TestTrunkDigestRefused: a trunk that does not like our credentials gets no
// others, whoever is not the trunk gets none, and the caller is not asked for
// his.
func TestTrunkDigestRefused(t *testing.T) {
	t.Parallel()
	challenge := func(realm, nonce string) string {
		return fmt.Sprintf("WWW-Authenticate: Digest realm=%q, nonce=%q, qop=\"auth\"\n", realm, nonce)
	}
	t.Run("trunk", func(t *testing.T) {
		t.Parallel()
		trunk := newWire(t, "127.0.0.1")
		n := start(t, strings.ReplaceAll(outYAML(trunk.trunk(), nowhere, ", relay_reason: true"), "[one, two]", "[one]"))
		call := newWire(t, "127.0.0.1").attempt(n.sip, "200")
		call.invite()
		trunk.served().refuse(401, "Unauthorized", challenge("carrier.example", "a"))
		trunk.served().refuse(401, "Unauthorized", challenge("other.example", "b")+challenge("carrier.example", "c"))
		call.seq = 1
		m := call.final(false)
		if m.status() != 403 || m.get("www-authenticate") != "" {
			t.Errorf("the caller got %q, want 403 without a challenge", m.start)
		}
		n.idle()
		if got := trunk.count("INVITE"); got != 2 {
			t.Errorf("%d INVITEs, want 2: wrong credentials are not given again", got)
		}
		n.records(2)
	})
	t.Run("stranger", func(t *testing.T) {
		t.Parallel()
		other := newWire(t, "127.0.0.1")
		n := start(t, strings.ReplaceAll(outYAML(nowhere, nowhere, ""), `{type: tel, target: "+46701234567"}`, fmt.Sprintf(`{type: sip, target: "x@%s"}`, other.host())))
		call := newWire(t, "127.0.0.1").attempt(n.sip, "200")
		call.invite()
		other.served().refuse(401, "Unauthorized", challenge("carrier.example", "a"))
		call.seq = 1
		answered200(t, call.final(false)) // the flow goes on
		call.hangup()
		n.idle()
		for _, m := range other.messages() {
			if m.get("authorization") != "" {
				t.Errorf("credentials of a trunk went to a stranger: %s", m.get("authorization"))
			}
		}
		if got := other.count("INVITE"); got != 1 {
			t.Errorf("%d INVITEs, want 1", got)
		}
	})
}

// TestTrunkFailover: where the first trunk cannot, the second takes the call;
// the caller hears nothing of it.
func TestTrunkFailover(t *testing.T) {
	t.Parallel()
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	for _, c := range []struct {
		name   string
		target string // of the first trunk; empty: the wire
		status int    // it answers with; 0: it is silent
		within time.Duration
	}{
		{"503", "", 503, 2 * time.Second},
		{"500", "", 500, 2 * time.Second},
		{"silent", "", 0, 5 * time.Second},
		{"refused UDP", "sip:" + refused.Addr().String(), 0, 5 * time.Second},
		{"refused TCP", "sip:" + refused.Addr().String() + ";transport=tcp", 0, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bad, good := newWire(t, "127.0.0.1"), newWire(t, "127.0.0.1")
			if c.target == "" {
				c.target = bad.trunk()
			}
			n := start(t, outYAML(c.target, good.trunk(), ""))
			caller := newWire(t, "127.0.0.1")
			call := caller.attempt(n.sip, "200")
			began := time.Now()
			call.invite()
			if c.status != 0 {
				bad.served().refuse(c.status, "Not now", "")
			}
			s := good.served()
			if took := s.invite.at.Sub(began); took > c.within {
				t.Errorf("the second trunk was tried after %v, want at most %v", took, c.within)
			} else {
				t.Logf("the second trunk was tried after %v", took)
			}
			s.answer(newVoice(t, "127.0.0.1").sdp("0"))
			call.seq = 1
			answered200(t, call.final(false))
			s.hangup()
			caller.next(time.Second, nil)
			call.hangup()
			for _, rec := range n.records(2) {
				if rec.Direction == "outgoing" && rec.Trunk != "two" {
					t.Errorf("the record names trunk %q, want two", rec.Trunk)
				}
			}
			n.idle()
		})
	}
}

// TestTrunkBusy: a busy called party is not called by another trunk. With
// relay_reason the caller is busy, too; without, the flow goes on.
func TestTrunkBusy(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]int{"": 200, ", relay_reason: true": 486} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			t.Parallel()
			one, two := newWire(t, "127.0.0.1"), newWire(t, "127.0.0.1")
			n := start(t, outYAML(one.trunk(), two.trunk(), options))
			call := newWire(t, "127.0.0.1").attempt(n.sip, "200")
			call.invite()
			s := one.served()
			s.respond(180, "Ringing", "", "")
			s.refuse(486, "Busy Here", "")
			call.seq = 1
			if m := call.final(false); m.status() != want {
				t.Errorf("the caller got %q, want %d", m.start, want)
			}
			if want == 200 {
				call.hangup()
			}
			for _, rec := range n.records(2) {
				if rec.Direction == "outgoing" && (rec.HangupReason != "busy" || rec.HangupBy != "remote") {
					t.Errorf("the record says %s by %s, want busy by remote", rec.HangupReason, rec.HangupBy)
				}
			}
			n.idle()
			if two.count("INVITE") != 0 {
				t.Error("a busy party was called by the second trunk")
			}
		})
	}
}

// TestTrunkOverTCP: calls go to a trunk over TCP, each with the transport in
// Via and Contact.
func TestTrunkOverTCP(t *testing.T) {
	t.Parallel()
	const calls = 5
	carrier := startSIPp(t, sippOptions{Scenario: "uas.xml", Calls: calls, TCP: true})
	n := start(t, outYAML(fmt.Sprintf("sip:127.0.0.1:%d;transport=tcp", carrier.Port), nowhere, ""))
	hangs := strings.Replace(readFile(t, "testdata/uac.xml"), `<pause milliseconds="500"/>`, `<pause milliseconds="200"/>`, 1)
	runSIPp(t, sippOptions{Scenario: hangs, Target: fmt.Sprintf("127.0.0.1:%d", n.sip), Service: "200", Calls: calls})
	carrier.wait()
	text := carrier.messages()
	for _, want := range []string{"INVITE sip:+46701234567@127.0.0.1", "Via: SIP/2.0/TCP 127.0.0.1:", ";transport=tcp>"} {
		if got := strings.Count(text, want); got < calls {
			t.Errorf("%q is there %d times, want at least %d", want, got, calls)
		}
	}
	n.records(2 * calls)
	n.idle()
}
