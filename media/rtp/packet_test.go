package rtp

import (
	"bytes"
	"encoding/hex"
	"testing"

	pion "github.com/pion/rtp"
)

func TestParse(t *testing.T) {
	const fixed = "0001" + "00000002" + "00000003"
	tests := []struct {
		name, data string
		err        error
		payload    string
	}{
		{"plain", "8000" + fixed + "aabb", nil, "aabb"},
		{"no payload", "8000" + fixed, nil, ""},
		{"contributing sources", "8200" + fixed + "0000000100000002" + "aabb", nil, "aabb"},
		{"extension", "9000" + fixed + "bede0001" + "10000000" + "aabb", nil, "aabb"},
		{"empty extension", "9000" + fixed + "bede0000" + "aabb", nil, "aabb"},
		{"padding", "a000" + fixed + "aabb" + "000003", nil, "aabb"},
		{"only padding", "a000" + fixed + "0002", nil, ""},

		{"empty", "", errShort, ""},
		{"one byte", "80", errShort, ""},
		{"short header", "8000" + fixed[:18], errShort, ""},
		{"version 1", "4000" + fixed + "aabb", errVersion, ""},
		{"version 3, such as STUN's cousin", "c000" + fixed, errVersion, ""},
		{"15 contributing sources in a short packet", "8f00" + fixed + "00000001", errShort, ""},
		{"extension without its header", "9000" + fixed + "bede", errExtension, ""},
		{"extension of 65535 words", "9000" + fixed + "bedeffff" + "00000000", errExtension, ""},
		{"padding 0", "a000" + fixed + "aa00", errPadding, ""},
		{"padding longer than the payload", "a000" + fixed + "aa03", errPadding, ""},
		{"padding longer than the packet", "a000" + fixed + "ff", errPadding, ""},
		{"padding over an extension", "b000" + fixed + "bede0001" + "10000005", errPadding, ""},
		{"padding without payload takes the header", "a000" + fixed, errPadding, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data, err := hex.DecodeString(test.data)
			if err != nil {
				t.Fatal(err)
			}
			var p Packet
			if err := p.parse(data); err != test.err {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if test.err == nil && (hex.EncodeToString(p.Payload) != test.payload || p.Seq != 1 || p.Timestamp != 2 || p.SSRC != 3) {
				t.Errorf("got %+v", p)
			}
		})
	}
	if err := new(Packet).parse(make([]byte, 65535)); err != errVersion {
		t.Errorf("65 kB of zeros: %v", err)
	}
}

// FuzzPacket holds our parser against pion's: what we accept pion reads the
// same, and what we write comes back.
func FuzzPacket(f *testing.F) {
	for _, s := range []string{
		"80000001000000020000000355aa", "900000010000000200000003bede000110000000aabb",
		"a00000010000000200000003aabb000003", "8f8000010000000200000003", "b0ff",
	} {
		data, _ := hex.DecodeString(s)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Packet
		if p.parse(data) != nil {
			return
		}
		var want pion.Packet
		if err := want.Unmarshal(bytes.Clone(data)); err != nil {
			// pion also reads what is in the extension.
			if data[0]&0x10 == 0 {
				t.Fatalf("pion refuses %x: %v", data, err)
			}
		} else if p.Seq != want.SequenceNumber || p.Timestamp != want.Timestamp || p.SSRC != want.SSRC ||
			p.Marker != want.Marker || p.PayloadType != want.PayloadType || !bytes.Equal(p.Payload, want.Payload) {
			t.Fatalf("%x: got %+v, pion %+v", data, p, want)
		}
		var again Packet
		if err := again.parse(append(p.appendHeader(nil), p.Payload...)); err != nil {
			t.Fatal(err)
		}
		if again.Seq != p.Seq || again.SSRC != p.SSRC || again.Timestamp != p.Timestamp ||
			again.Marker != p.Marker || again.PayloadType != p.PayloadType || !bytes.Equal(again.Payload, p.Payload) {
			t.Fatalf("wrote %+v, read %+v", p, again)
		}
	})
}
