package ua_test

import (
	"encoding/csv"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/sip"
	"tandem/sip/siptest"
)

// topVia finds where the first Via says that responses go.
var topVia = regexp.MustCompile(`(?is)(\n(?:v|via)\s*:\s*SIP\s*/\s*2\.0\s*/\s*[^\s/]+\s+)(\[[^\]]*\]|[^\s;:,]+)(\s*:\s*\d+)?`)

// TestTorture sends the torture messages of RFC 4475 and RFC 5118, and our own,
// over UDP and TCP, and holds the reaction against the MANIFEST.
func TestTorture(t *testing.T) {
	for _, set := range []struct{ dir, wire, ext string }{
		{"../../testdata/torture", "", ""},
		{"../../../shared/vectors/rfc4475", "", ""},
		{"../../../shared/vectors/rfc5118", "wire", ".dat"},
	} {
		t.Run(filepath.Base(set.dir), func(t *testing.T) {
			f, err := os.Open(filepath.Join(set.dir, "MANIFEST.tsv"))
			if os.IsNotExist(err) {
				t.Skipf("%s is not here", set.dir)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r := csv.NewReader(f)
			r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
			rows, err := r.ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows[1:] {
				data, err := os.ReadFile(filepath.Join(set.dir, set.wire, row[0]+set.ext))
				if err != nil {
					t.Fatal(err)
				}
				for _, network := range []string{"udp", "tcp"} {
					t.Run(row[0]+"/"+network, func(t *testing.T) {
						run(t, func(w *world) { torture(w, network, string(data), row[3], row[4]) })
					})
				}
			}
		})
	}
}

func torture(w *world, network, data, class, expect string) {
	t := w.t
	p := w.caller()
	good := p
	if network == "tcp" {
		p = w.tcp(them)
	}
	if at := topVia.FindStringSubmatchIndex(data); at != nil {
		end, port := at[5], 5060
		if at[6] > 0 {
			end = at[7]
			port, _ = strconv.Atoi(strings.Trim(data[at[6]:end], " \t\r\n:"))
		}
		if port > 0 && port <= 65535 { // else it is what the message is about
			data = data[:at[4]] + netip.AddrPortFrom(them, 5060).String() + data[end:]
		}
	}
	p.SendRaw([]byte(data))
	synctest.Wait()
	for len(w.legs) > 0 { // it became a call: refuse it
		w.must(w.leg().Hangup(sip.StatusCause(404, sip.Local)))
	}
	p.Wait(time.Minute)
	statuses := finals(p)
	switch {
	case expect == "-":
	case strings.Contains(class, "response") || expect == "drop":
		if len(statuses) > 0 {
			t.Errorf("answered with %v, want silence", statuses)
		}
	case len(statuses) == 0:
		// A message without its end is waited for on a stream; where the Via
		// cannot be read, nobody can be answered.
		whole := strings.Contains(data, "\r\n\r\n")
		if network == "udp" && whole || whole && !short(data) {
			t.Errorf("no answer, want %s", expect)
		}
	default:
		if !allowed(statuses[0], expect) {
			t.Errorf("answered with %v, want %s", statuses, expect)
		}
	}
	// And it lives.
	c := good.NewCall("100")
	good.Drain()
	c.Send("OPTIONS", "")
	good.Expect("200 OPTIONS")
}

// finals are the final statuses that came, repetitions apart.
func finals(p *siptest.Peer) (out []int) {
	for _, line := range p.Drain() {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "SIP/2.0" {
			continue
		}
		if n, _ := strconv.Atoi(f[1]); n >= 200 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func allowed(status int, expect string) bool {
	for e := range strings.SplitSeq(expect, "|") {
		if e == "accept" && status != 400 && status != 500 || e == strconv.Itoa(status) {
			return true
		}
	}
	return false
}

// short says that data has less body than it promises.
func short(data string) bool {
	head, body, _ := strings.Cut(data, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "content-length" || name == "l" {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			return err == nil && n > len(body)
		}
	}
	return false
}
