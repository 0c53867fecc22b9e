package sip

import (
	"encoding/csv"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A tortured message is one line of a MANIFEST.tsv.
type tortured struct {
	name, class, expect string
	data                []byte
}

// torture reads the messages that the MANIFEST.tsv in dir lists. wire is where
// their bytes lie under dir, and ext the ending of their names there.
func torture(t testing.TB, dir, wire, ext string) []tortured {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "MANIFEST.tsv"))
	if os.IsNotExist(err) {
		t.Skipf("%s is not there", dir)
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
	var out []tortured
	for _, row := range rows[1:] {
		data, err := os.ReadFile(filepath.Join(dir, wire, row[0]+ext))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tortured{name: row[0], class: row[3], expect: row[4], data: data})
	}
	return out
}

// TestTorture holds what Parse does with each torture message against what its
// MANIFEST expects of a user agent, as far as parsing decides it.
func TestTorture(t *testing.T) {
	for _, set := range []struct{ dir, wire, ext string }{
		{"../testdata/torture", "", ""},
		{"../../shared/vectors/rfc4475", "", ""},
		{"../../shared/vectors/rfc5118", "wire", ".dat"},
	} {
		t.Run(filepath.Base(set.dir), func(t *testing.T) {
			for _, m := range torture(t, set.dir, set.wire, set.ext) {
				t.Run(m.name, func(t *testing.T) { tortureOne(t, m) })
			}
		})
	}
}

func tortureOne(t *testing.T, m tortured) {
	msg, err := Parse(m.data)
	refused := 0
	if err != nil {
		refused = err.(*ReplyError).Status
	}
	if m.expect == "-" {
		return
	}
	if strings.Contains(m.class, "response") {
		return // dropped, by whatever layer; that it does not crash is enough
	}
	if m.expect == "drop" {
		if _, _, ok := Refusal(m.data, refuse(400, ""), netip.MustParseAddrPort("192.0.2.200:6060")); err == nil || ok {
			t.Fatalf("not dropped: %v", err)
		}
		return
	}
	if msg == nil {
		if !strings.Contains(m.expect, strconv.Itoa(refused)) {
			t.Fatalf("refused with %v, want %s", err, m.expect)
		}
		src := netip.MustParseAddrPort("192.0.2.200:6060")
		reply, to, ok := Refusal(m.data, err.(*ReplyError), src)
		if !ok || to.Addr() != src.Addr() {
			t.Fatalf("no refusal: %q to %v", reply, to)
		}
		if _, err := scan(reply); err != nil {
			t.Errorf("the refusal is malformed: %v\n%s", err, reply)
		}
		return
	}
	if m.expect == "400" || m.expect == "505" {
		t.Fatalf("accepted, want %s:\n%s", m.expect, msg)
	}
	once, err := Append(nil, msg)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(once)
	if err != nil {
		t.Fatalf("%v in its own print:\n%s", err, once)
	}
	twice, err := Append(nil, again)
	if err != nil {
		t.Fatal(err)
	}
	if string(once) != string(twice) {
		t.Errorf("print changes:\n%s\n%s", once, twice)
	}
}
