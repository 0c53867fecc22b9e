package rtp

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestParseReport(t *testing.T) {
	const (
		rr    = "80c90001" + "00000009"
		block = "00000005" + "40fffff9" + "00010002" + "00000003" + "11112222" + "00008000" // about 5: a quarter, -7
		sr    = "80c80006" + "00000009" + "aaaa11112222bbbb" + "00000001" + "00000002" + "00000003"
		sdes  = "81ca0002" + "00000009" + "01010000"
		bye   = "81cb0001" + "00000009"
	)
	tests := []struct {
		name, data string
		ok         bool
	}{
		{"receiver report", rr, true},
		{"with a block", "81c90007" + "00000009" + block, true},
		{"sender report", sr, true},
		{"with source description and goodbye", sr + sdes + bye, true},
		{"goodbye of nobody", rr + "80cb0000", true},
		{"unknown types are passed over", rr + "80cc0002" + "0000000961626364" + "85d00000", true},
		{"padding of the last", rr + "a1cb0002" + "00000009" + "00000004", true},

		{"empty", "", false},
		{"three bytes", "80c900", false},
		{"head alone", "80c90000", false},
		{"length beyond the packet", "80c90002" + "00000009", false},
		{"length 65535 words", "80c9ffff" + "00000009", false},
		{"begins with a source description", sdes, false},
		{"begins with a goodbye", bye, false},
		{"version 1", "40c90001" + "00000009", false},
		{"31 blocks in none", "9fc90001" + "00000009", false},
		{"sender report without its info", "80c80001" + "00000009", false},
		{"a block that is cut", "81c90006" + "00000009" + block[:40], false},
		{"31 goodbyes in one", rr + "9fcb0001" + "00000009", false},
		{"rest of two bytes", rr + "80cb", false},
		{"padding of the first", "a0c90002" + "00000009" + "00000004", false},
		{"padding in the middle", rr + "a1cb0002" + "00000009" + "00000004" + bye, false},
		{"padding 0", rr + "a1cb0002" + "00000009" + "00000000", false},
		{"padding beyond the packet", rr + "a1cb0002" + "00000009" + "000000ff", false},
		{"padding over the goodbye", rr + "a1cb0002" + "00000009" + "00000008", false},
		{"second of version 0", rr + "01cb0001" + "00000009", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data, err := hex.DecodeString(test.data)
			if err != nil {
				t.Fatal(err)
			}
			var r report
			if err := r.parse(data, 5); (err == nil) != test.ok {
				t.Fatalf("error %v", err)
			}
			if test.ok && r.ssrc != 9 {
				t.Errorf("SSRC %x", r.ssrc)
			}
		})
	}
	data, _ := hex.DecodeString("81c90007" + "00000009" + block)
	var r report
	if err := r.parse(data, 5); err != nil || !r.about || r.block != (reportBlock{5, 0x40, -7, 0x10002, 3, 0x11112222, 0x8000}) {
		t.Errorf("block %+v, error %v", r.block, err)
	}
	if err := r.parse(data, 6); err != nil || r.about {
		t.Errorf("a block about another is taken: %+v, error %v", r.block, err)
	}
}

// What we write, pion reads.
func TestAppendReport(t *testing.T) {
	info := senderInfo{ntp: 1<<63 | 5, timestamp: 7, packets: 8, octets: 9}
	block := reportBlock{ssrc: 3, fraction: 128, lost: 1000, highest: 1<<16 | 4, jitter: 5, lsr: 6, dlsr: 7}
	for _, cname := range []string{"", "a", "abc", "abcdef@host"} {
		buf := appendBYE(appendCNAME(appendReport(nil, 2, &info, &block), 2, cname), 2)
		packets, err := rtcp.Unmarshal(buf)
		if err != nil {
			t.Fatal(err)
		}
		sr := packets[0].(*rtcp.SenderReport)
		if sr.SSRC != 2 || sr.NTPTime != info.ntp || sr.RTPTime != 7 || sr.PacketCount != 8 || sr.OctetCount != 9 ||
			sr.Reports[0] != (rtcp.ReceptionReport{SSRC: 3, FractionLost: 128, TotalLost: 1000, LastSequenceNumber: 1<<16 | 4, Jitter: 5, LastSenderReport: 6, Delay: 7}) {
			t.Errorf("sender report %+v", sr)
		}
		if got := packets[1].(*rtcp.SourceDescription).Chunks[0].Items[0].Text; got != cname {
			t.Errorf("canonical name %q, want %q", got, cname)
		}
		if packets[2].(*rtcp.Goodbye).Sources[0] != 2 {
			t.Errorf("goodbye %+v", packets[2])
		}
		var r report
		if err := r.parse(buf, 3); err != nil || !r.sender || !r.bye || !r.names(2) || r.block != block || r.ntp != uint32(info.ntp>>16) {
			t.Errorf("read back %+v, error %v", r, err)
		}
	}
}

func TestNTP(t *testing.T) {
	at := time.Date(2026, 11, 21, 8, 0, 0, 500_000_000, time.UTC)
	if got := ntpTime(at); uint32(got) != 1<<31 || got>>32 != uint64(at.Unix())+2208988800 {
		t.Errorf("NTP time %x", got)
	}
	for _, d := range []time.Duration{0, 80 * time.Millisecond, 5 * time.Second, 10 * time.Hour} {
		if got := fromShortNTP(shortNTP(d)); got-d > 20*time.Microsecond || d-got > 20*time.Microsecond {
			t.Errorf("%v became %v", d, got)
		}
	}
}

func FuzzReport(f *testing.F) {
	for _, s := range []string{
		"80c9000100000009", "81c90007000000090000000540fffff9000100020000000311112222 00008000",
		"80c8000600000009aaaa11112222bbbb00000001000000020000000381ca0002000000090101000081cb000100000009",
		"9fc9000100000009", "80c9ffff", "80c90001000000099fcb000100000009",
	} {
		data, _ := hex.DecodeString(s)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r report
		if r.parse(data, 5) != nil {
			return
		}
		if r.byes > len(r.byeOf) || (r.about && r.block.ssrc != 5) {
			t.Fatalf("read %+v", r)
		}
	})
}
