package auth

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/icholy/digest"

	"tandem/sip"
)

func invite() *sip.Request {
	return sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", User: "100", Host: "sbc.example"})
}

func challenge(status int, values ...string) *sip.Response {
	req := invite()
	res := sip.NewResponse(req, status, "", "")
	name := "WWW-Authenticate"
	if status == 407 {
		name = "Proxy-Authenticate"
	}
	for _, v := range values {
		res.AppendHeader(sip.NewHeader(name, v))
	}
	return res
}

func value(req *sip.Request, name string) string {
	h := req.GetHeader(name)
	if h == nil {
		return ""
	}
	return h.Value()
}

func param(header, name string) string {
	_, rest, _ := strings.Cut(header, " ")
	for rest != "" {
		var k, v string
		if k, v, rest = cutParam(rest); k == name {
			return v
		}
	}
	return ""
}

// TestVectors are the examples of RFC 7616 §3.9.1 and RFC 2617 §3.5.
func TestVectors(t *testing.T) {
	for _, c := range []struct{ name, challenge, user, password, cnonce, uri, want string }{
		{"RFC 7616 SHA-256", `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "/dir/index.html", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
		{"RFC 7616 MD5", `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "/dir/index.html", "8ca523f5e9506fed4657c9700eebdbec"},
		{"RFC 2617, no algorithm", `Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"Mufasa", "Circle Of Life", "0a4f113b", "/dir/index.html", "6629fae49393a05397450978507c4ef1"},
	} {
		cl := NewClient(Credentials{Username: c.user, Password: c.password})
		v, err := cl.answer(&realm{challenge: parseChallenge(c.challenge)}, "GET", c.uri, nil, c.cnonce)
		if err != nil || param(v, "response") != c.want {
			t.Errorf("%s: %v %s", c.name, err, v)
		}
		if param(v, "nc") != "00000001" || param(v, "qop") != "auth" || param(v, "opaque") == "" {
			t.Errorf("%s: %s", c.name, v)
		}
	}
}

// TestForms answers challenges in the forms peers write them, and checks the
// answer as a server would.
func TestForms(t *testing.T) {
	for name, c := range map[string]struct {
		challenge string
		alg       string // what icholy's calculation is told
		sess      bool
	}{
		"no qop":        {`Digest realm="r", nonce="n"`, "MD5", false},
		"upper case":    {`DIGEST REALM="r",NONCE="n",ALGORITHM=md5,QOP="AUTH"`, "MD5", false},
		"unquoted":      {`Digest realm=r, nonce=n/+=, qop=auth, algorithm=SHA-256`, "SHA-256", false},
		"blanks":        {"Digest  realm = \"r\" ,\tnonce = \"n\", qop = \"auth-int , auth\"", "MD5", false},
		"quoted commas": {`Digest realm="a, b=c", nonce="n,\"x", qop="auth"`, "MD5", false},
		"SHA-512-256":   {`Digest realm="r", nonce="n", qop="auth", algorithm=SHA-512-256`, "SHA-512-256", false},
		"auth-int":      {`Digest realm="r", nonce="n", qop="auth-int"`, "MD5", false},
		"sess":          {`Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess`, "MD5", true},
		"sess SHA-256":  {`Digest realm="r", nonce="n", qop="auth", algorithm="SHA-256-sess"`, "SHA-256", true},
		"userhash":      {`Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256, userhash=true`, "SHA-256", false},
	} {
		t.Run(name, func(t *testing.T) {
			cl := NewClient(Credentials{Username: "joe", Password: "secret"})
			req := invite()
			req.SetBody([]byte("v=0\r\n"))
			if err := cl.Challenged(challenge(401, c.challenge), req); err != nil {
				t.Fatal(err)
			}
			if err := cl.Authorize(req); err != nil {
				t.Fatal(err)
			}
			v := value(req, "Authorization")
			ch := *parseChallenge(c.challenge)
			ch.Algorithm = c.alg
			o := digest.Options{Method: "INVITE", URI: param(v, "uri"), Count: 1, Username: "joe", Password: "secret", Cnonce: param(v, "cnonce")}
			if c.sess {
				o.A1 = hash(c.alg, hash(c.alg, "joe:r:secret")+":n:"+o.Cnonce)
			}
			if ch.QOP != nil && !ch.SupportsQOP("auth") {
				a2 := "INVITE:" + o.URI + ":" + hash("MD5", "v=0\r\n")
				want := hash("MD5", hash("MD5", "joe:r:secret")+":n:00000001:"+o.Cnonce+":auth-int:"+hash("MD5", a2))
				if param(v, "response") != want {
					t.Errorf("%s, want %s", v, want)
				}
				return
			}
			want, err := digest.Digest(&ch, o)
			if err != nil || param(v, "response") != want.Response {
				t.Errorf("%s, want %v %v", v, want, err)
			}
		})
	}
}

func TestStrongest(t *testing.T) {
	cl := NewClient(Credentials{Username: "joe", Password: "x"})
	res := challenge(401, `Digest realm="r", nonce="m", algorithm=MD5`, `Basic realm="r"`,
		`Digest realm="r", nonce="s", algorithm=SHA-256`, `Digest realm="r", nonce="f", algorithm=FOO`)
	req := invite()
	if err := cl.Challenged(res, req); err != nil {
		t.Fatal(err)
	}
	_ = cl.Authorize(req)
	if v := value(req, "Authorization"); param(v, "algorithm") != "SHA-256" || param(v, "nonce") != "s" {
		t.Error(v)
	}
}

// TestRealms: a proxy and the server behind it each get theirs, and a nonce
// that is used again counts on.
func TestRealms(t *testing.T) {
	cl := NewClient(Credentials{Username: "joe", Password: "x"})
	req := invite()
	if err := cl.Challenged(challenge(407, `Digest realm="proxy", nonce="p", qop="auth"`), req); err != nil {
		t.Fatal(err)
	}
	req = invite()
	_ = cl.Authorize(req)
	if err := cl.Challenged(challenge(401, `Digest realm="server", nonce="s", qop="auth"`), req); err != nil {
		t.Fatal(err)
	}
	req = invite()
	_ = cl.Authorize(req)
	a, p := value(req, "Authorization"), value(req, "Proxy-Authorization")
	if param(a, "realm") != "server" || param(a, "nc") != "00000001" || param(p, "realm") != "proxy" || param(p, "nc") != "00000002" {
		t.Errorf("%s\n%s", a, p)
	}
	ack := sip.NewRequest(sip.ACK, req.Recipient)
	Copy(ack, req)
	if value(ack, "Authorization") != a || value(ack, "Proxy-Authorization") != p {
		t.Error("the ACK's credentials differ")
	}
}

func TestRefusals(t *testing.T) {
	md5 := `Digest realm="r", nonce="n", qop="auth"`
	t.Run("no credentials", func(t *testing.T) {
		cl := NewClient(Credentials{})
		req := invite()
		if err := cl.Challenged(challenge(401, md5), req); !errors.Is(err, ErrNoCredentials) {
			t.Error(err)
		}
		if _ = cl.Authorize(req); value(req, "Authorization") != "" {
			t.Error("answered without credentials")
		}
	})
	t.Run("another realm", func(t *testing.T) {
		cl := NewClient(Credentials{Username: "joe", Password: "x", Realm: "mine"})
		if err := cl.Challenged(challenge(401, md5), invite()); !errors.Is(err, ErrNoCredentials) {
			t.Error(err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		cl := NewClient(Credentials{Username: "joe", Password: "x"})
		req := invite()
		_ = cl.Challenged(challenge(401, md5), req)
		_ = cl.Authorize(req)
		if err := cl.Challenged(challenge(401, `Digest realm="r", nonce="n2", qop="auth"`), req); !errors.Is(err, ErrRefused) {
			t.Error(err)
		}
	})
	t.Run("stale once", func(t *testing.T) {
		cl := NewClient(Credentials{Username: "joe", Password: "x"})
		req := invite()
		_ = cl.Challenged(challenge(401, md5), req)
		for n := range 3 {
			req = invite()
			_ = cl.Authorize(req)
			err := cl.Challenged(challenge(401, fmt.Sprintf(`Digest realm="r", nonce="new%d", stale=TRUE, qop="auth"`, n)), req)
			if n == 0 && err != nil || n > 0 && !errors.Is(err, ErrRefused) {
				t.Errorf("%d: %v", n, err)
			}
		}
		cl.Settled()
		if err := cl.Challenged(challenge(401, `Digest realm="r", nonce="later", stale=true`), req); err != nil {
			t.Error(err)
		}
	})
	t.Run("one realm after the other", func(t *testing.T) {
		cl := NewClient(Credentials{Username: "joe", Password: "x"})
		for n := range 6 {
			req := invite()
			_ = cl.Authorize(req)
			err := cl.Challenged(challenge(401, fmt.Sprintf(`Digest realm="r%d", nonce="n", qop="auth"`, n)), req)
			if n < 4 && err != nil || n >= 4 && !errors.Is(err, ErrRefused) {
				t.Errorf("realm %d: %v", n, err)
			}
		}
	})
	for name, v := range map[string]string{
		"none": "", "scheme": `Basic realm="r"`, "algorithm": `Digest realm="r", nonce="n", algorithm=FOO`,
		"qop": `Digest realm="r", nonce="n", qop="foo"`, "no nonce": `Digest realm="r"`, "open quote": `Digest nonce="n`,
		"control": "Digest realm=\"r\x01\", nonce=\"n\"", "break out": `Digest realm=a"b, nonce="n"`, "huge": `Digest nonce="` + strings.Repeat("x", 5000) + `"`,
	} {
		cl := NewClient(Credentials{Username: "joe", Password: "x"})
		var res *sip.Response
		if v == "" {
			res = challenge(401)
		} else {
			res = challenge(401, v)
		}
		if err := cl.Challenged(res, invite()); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPasswordIsNotLogged(t *testing.T) {
	var b bytes.Buffer
	c := Credentials{Username: "joe", Password: "hunter2"}
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "cred", c)
	fmt.Fprintf(&b, "%v %s", c, c)
	if strings.Contains(b.String(), "hunter2") {
		t.Error(b.String())
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256, stale=true, opaque="o"`)
	f.Add(`Digest realm=a"b, nonce=x\`)
	f.Fuzz(func(t *testing.T, v string) {
		ch := parseChallenge(v)
		if ch == nil {
			return
		}
		cl := NewClient(Credentials{Username: "joe", Password: "x"})
		out, err := cl.answer(&realm{challenge: ch}, "INVITE", "sip:a@b", nil, "c")
		if err != nil {
			t.Fatal(err)
		}
		if sip.CheckText(out) != nil || param(out, "uri") != "sip:a@b" || param(out, "nonce") != ch.Nonce {
			t.Fatalf("%q -> %q", v, out)
		}
	})
}
