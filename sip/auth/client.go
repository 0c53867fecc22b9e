package auth

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/icholy/digest"

	"tandem/sip"
)

// Why a challenge is not answered.
var (
	// ErrNoCredentials says that there are none for this peer or realm.
	ErrNoCredentials = errors.New("no credentials for this challenge")
	// ErrRefused says that the peer does not take the credentials that it got.
	ErrRefused = errors.New("credentials refused")
	// ErrUnsupported says that no challenge of the response can be answered.
	ErrUnsupported = errors.New("no challenge that can be answered")
)

// maxRealms bounds how many realms one peer can make us remember.
const maxRealms = 4

// Credentials are what we prove ourselves with to one peer.
type Credentials struct {
	Username, Password string
	// Realm, where set, is the only one that is answered.
	Realm string
}

// LogValue implements [slog.LogValuer]: a password is never logged.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.Username) }

// String hides the password.
func (c Credentials) String() string { return c.Username }

// A Client answers the challenges of one peer. A nil Client answers none. It is
// not safe for concurrent use.
type Client struct {
	cred   Credentials
	realms []*realm
}

// realm is a peer's realm and its last challenge.
type realm struct {
	challenge *digest.Challenge
	proxy     bool // it asks with 407 for Proxy-Authorization
	count     int  // nc: how often the nonce was used
	staled    bool // a stale nonce was replaced and has not been taken yet
}

// NewClient makes a client. Without a username it is nil and answers nothing.
func NewClient(c Credentials) *Client {
	if c.Username == "" {
		return nil
	}
	return &Client{cred: c}
}

// Challenged takes a 401 or 407 to the request sent. Nil says that the request
// is to be sent again, with what [Client.Authorize] adds. A realm that has seen
// our credentials and asks again gets them again only when it says that the
// nonce was stale, and once.
func (c *Client) Challenged(res *sip.Response, sent *sip.Request) error {
	if c == nil {
		return ErrNoCredentials
	}
	best, err := c.pick(res)
	if err != nil {
		return err
	}
	for _, n := range best {
		old := c.find(n.challenge.Realm, n.proxy)
		switch nonce := sentNonce(sent, n); {
		case nonce == "":
			// The realm has seen no credentials in this request.
		case old != nil && nonce != old.challenge.Nonce:
			// Another request was told of a newer nonce meanwhile.
		case n.challenge.Stale && n.challenge.Nonce != nonce && (old == nil || !old.staled):
			n.staled = true
		default:
			return ErrRefused
		}
		if !c.put(old, n) {
			return ErrRefused
		}
	}
	return nil
}

// Settled says that a request was answered otherwise than by a challenge.
func (c *Client) Settled() {
	if c == nil {
		return
	}
	for _, r := range c.realms {
		r.staled = false
	}
}

// Authorize adds the credentials for every realm that has asked so far. It is
// called once for every request, also a repeated one, but never for ACK and
// CANCEL, which cannot be challenged: an ACK carries what its INVITE did (RFC
// 3261 §22.1).
func (c *Client) Authorize(req *sip.Request) error {
	if c == nil {
		return nil
	}
	for _, r := range c.realms {
		var cnonce [8]byte
		rand.Read(cnonce[:])
		value, err := c.answer(r, string(req.Method), req.Recipient.String(), req.Body(), hex.EncodeToString(cnonce[:]))
		if err != nil {
			return err
		}
		name := "Authorization"
		if r.proxy {
			name = "Proxy-Authorization"
		}
		req.AppendHeader(sip.NewHeader(name, value))
	}
	return nil
}

// Copy gives ack the credentials that its INVITE carried.
func Copy(ack, invite *sip.Request) {
	for _, name := range [...]string{"authorization", "proxy-authorization"} {
		for _, h := range invite.GetHeaders(name) {
			ack.AppendHeader(sip.CloneHeader(h))
		}
	}
}

// pick takes the strongest challenge of every realm in res.
func (c *Client) pick(res *sip.Response) ([]*realm, error) {
	var best []*realm
	seen, strange := false, false
	for _, name := range [...]string{"www-authenticate", "proxy-authenticate"} {
		proxy := name[0] == 'p'
		for _, h := range res.GetHeaders(name) {
			seen = true
			ch := parseChallenge(h.Value())
			if ch == nil {
				continue
			}
			if c.cred.Realm != "" && c.cred.Realm != ch.Realm {
				strange = true
				continue
			}
			i := 0
			for i < len(best) && (best[i].challenge.Realm != ch.Realm || best[i].proxy != proxy) {
				i++
			}
			switch {
			case i == len(best) && len(best) < maxRealms:
				best = append(best, &realm{challenge: ch, proxy: proxy})
			case i < len(best) && strength(ch.Algorithm) > strength(best[i].challenge.Algorithm):
				best[i].challenge = ch
			}
		}
	}
	switch {
	case len(best) > 0:
		return best, nil
	case strange:
		return nil, ErrNoCredentials
	case seen:
		return nil, ErrUnsupported
	}
	return nil, fmt.Errorf("%w: there is none", ErrUnsupported)
}

func (c *Client) find(name string, proxy bool) *realm {
	for _, r := range c.realms {
		if r.challenge.Realm == name && r.proxy == proxy {
			return r
		}
	}
	return nil
}

// put keeps a challenge. It says false where there are too many realms: a peer
// that asks for another one each time would be answered for ever.
func (c *Client) put(old, n *realm) bool {
	switch {
	case old != nil && old.challenge.Nonce == n.challenge.Nonce:
		// The count goes on: the peer would take a smaller one for a replay.
	case old != nil:
		*old = *n
	case len(c.realms) < maxRealms:
		c.realms = append(c.realms, n)
	default:
		return false
	}
	return true
}

// sentNonce is the nonce that sent's credentials for r's realm carry.
func sentNonce(sent *sip.Request, r *realm) string {
	name := "authorization"
	if r.proxy {
		name = "proxy-authorization"
	}
	for _, h := range sent.GetHeaders(name) {
		_, rest, _ := strings.Cut(h.Value(), " ")
		realm, nonce := "", ""
		for rest != "" {
			var k, v string
			switch k, v, rest = cutParam(rest); k {
			case "realm":
				realm = v
			case "nonce":
				nonce = v
			}
		}
		if realm == r.challenge.Realm {
			return nonce
		}
	}
	return ""
}

// answer makes the value of an Authorization header.
func (c *Client) answer(r *realm, method, uri string, body []byte, cnonce string) (string, error) {
	r.count++
	ch := *r.challenge
	o := digest.Options{
		Method: method, URI: uri, Count: r.count, Cnonce: cnonce,
		Username: c.cred.Username, Password: c.cred.Password,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
	if name, sess := cutSess(ch.Algorithm); sess {
		ch.Algorithm = name
		o.A1 = hash(name, hash(name, o.Username+":"+ch.Realm+":"+o.Password)+":"+ch.Nonce+":"+o.Cnonce)
	}
	cred, err := digest.Digest(&ch, o)
	if err != nil {
		return "", fmt.Errorf("digest: %w", err)
	}
	var b strings.Builder
	b.Grow(320)
	b.WriteString(`Digest username="`)
	b.WriteString(sip.Escape(cred.Username))
	// Realm, nonce and opaque go back exactly as they came, escapes included.
	for _, p := range [...]string{`", realm="`, ch.Realm, `", nonce="`, ch.Nonce, `", uri="`, uri, `", response="`, cred.Response, `"`} {
		b.WriteString(p)
	}
	if r.challenge.Algorithm != "" {
		b.WriteString(", algorithm=")
		b.WriteString(algorithmName(r.challenge.Algorithm))
	}
	if ch.Opaque != "" {
		b.WriteString(`, opaque="`)
		b.WriteString(ch.Opaque)
		b.WriteByte('"')
	}
	if cred.QOP != "" {
		fmt.Fprintf(&b, `, qop=%s, nc=%08x, cnonce="%s"`, cred.QOP, cred.Nc, cred.Cnonce)
	} else if o.A1 != "" {
		fmt.Fprintf(&b, `, cnonce="%s"`, o.Cnonce)
	}
	if cred.Userhash {
		b.WriteString(", userhash=true")
	}
	return b.String(), nil
}

// algorithmName writes the name as the registry does, whatever the peer wrote.
func algorithmName(s string) string {
	name, sess := cutSess(s)
	if sess {
		return name + "-sess"
	}
	return name
}

// hash is H of RFC 7616 §3.4.1 in hex.
func hash(algorithm, s string) string {
	switch algorithm {
	case "SHA-256":
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	case "SHA-512-256":
		sum := sha512.Sum512_256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(s)) //nolint:gosec // what most carriers ask for still
	return hex.EncodeToString(sum[:])
}
