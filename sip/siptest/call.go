package siptest

import (
	"fmt"
	"strings"

	"tandem/sip"
)

// A Call is a dialog as the peer sees it. All fields may be changed to send
// what is wrong.
type Call struct {
	Peer *Peer
	// CallID, LocalTag and RemoteTag name the dialog.
	CallID, LocalTag, RemoteTag string
	// From and To are what the peer's requests say, without tags.
	From, To string
	// Target is the Request-URI.
	Target string
	// Seq is the CSeq number of the peer's last request.
	Seq int
	// Routes are Route header values.
	Routes []string

	branch string // of the INVITE sent last
}

// NewCall is a call from the peer to a user at the other side.
func (p *Peer) NewCall(to string) *Call {
	uri := "sip:" + to + "@" + p.Remote.String()
	return &Call{
		Peer: p, CallID: sip.NewCallID(), LocalTag: sip.NewTag(), From: "<" + p.URI("caller") + ">", To: "<" + uri + ">", Target: uri,
	}
}

// Answering is the dialog of an INVITE that the peer got and answers with tag.
func (p *Peer) Answering(invite *Message, tag string) *Call {
	from, _, _ := strings.Cut(invite.Get("From"), ";tag=")
	to, _, _ := strings.Cut(invite.Get("To"), ";tag=")
	return &Call{
		Peer: p, CallID: invite.Get("Call-ID"), LocalTag: tag, RemoteTag: invite.Tag("From"),
		From: to, To: from, Target: invite.Contact(), Seq: 100,
	}
}

// Text is a request of the call with the next CSeq.
func (c *Call) Text(method, body string, headers ...string) string {
	c.Seq++
	branch := sip.NewBranch()
	if method == "INVITE" {
		c.branch = branch
	}
	return c.text(method, branch, c.Seq, body, headers)
}

func (c *Call) text(method, branch string, seq int, body string, headers []string) string {
	var b strings.Builder
	p := c.Peer
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\n", method, c.Target, p.network, p.local, branch)
	for _, r := range c.Routes {
		fmt.Fprintf(&b, "Route: %s\r\n", r)
	}
	to := c.To
	if c.RemoteTag != "" {
		to += ";tag=" + c.RemoteTag
	}
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: %s;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", c.From, c.LocalTag, to, c.CallID, seq, method)
	fmt.Fprintf(&b, "Contact: <%s>\r\n", p.URI("caller"))
	end(&b, body, headers)
	return b.String()
}

// Send sends a request with the next CSeq.
func (c *Call) Send(method, body string, headers ...string) {
	c.Peer.t.Helper()
	c.Peer.SendRaw([]byte(c.Text(method, body, headers...)))
}

// Invite sends an INVITE; empty sdp makes it one without offer.
func (c *Call) Invite(sdp string, headers ...string) {
	c.Peer.t.Helper()
	c.Send("INVITE", sdp, headers...)
}

// Cancel cancels the INVITE sent last.
func (c *Call) Cancel(headers ...string) {
	c.Peer.t.Helper()
	tag := c.RemoteTag
	c.RemoteTag = ""
	c.Peer.SendRaw([]byte(c.text("CANCEL", c.branch, c.Seq, "", headers)))
	c.RemoteTag = tag
}

// Ack acknowledges a final response to the INVITE sent last.
func (c *Call) Ack(res *Message, body string) {
	c.Peer.t.Helper()
	c.RemoteTag = res.Tag("To")
	branch := c.branch
	if res.Status() < 300 {
		branch = sip.NewBranch()
		if u := res.Contact(); u != "" {
			c.Target = u
		}
	}
	c.Peer.SendRaw([]byte(c.text("ACK", branch, c.Seq, body, nil)))
}

// Establish sends an INVITE and acknowledges the 200 that it waits for.
func (c *Call) Establish(sdp string) *Message {
	c.Peer.t.Helper()
	c.Invite(sdp)
	return c.Answered()
}

// Answered waits for the 200 to the INVITE sent last and acknowledges it.
func (c *Call) Answered() *Message {
	c.Peer.t.Helper()
	res := c.Peer.Expect("200 INVITE")
	c.Ack(res, "")
	return res
}

// Bye ends the call and waits for the 200.
func (c *Call) Bye() {
	c.Peer.t.Helper()
	c.Send("BYE", "")
	c.Peer.Expect("200 BYE")
}
