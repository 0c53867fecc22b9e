package sip

import "testing"

// carrierInvite is an INVITE as carriers send it: 1.2 kB.
const carrierInvite = "INVITE sip:+46850001234@192.0.2.10:5060;user=phone SIP/2.0\r\n" +
	"Record-Route: <sip:198.51.100.4;lr;ftag=gK0a1b2c3d;did=e2a.4ae1>\r\n" +
	"Via: SIP/2.0/UDP 198.51.100.4:5060;branch=z9hG4bK0f2a.8b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e.0\r\n" +
	"Via: SIP/2.0/UDP 198.51.100.77:5060;received=198.51.100.77;branch=z9hG4bK04B2a7c19d8e5f60;rport=5060\r\n" +
	"From: \"Example Caller\" <sip:+46701234567@198.51.100.77;user=phone>;tag=gK0a1b2c3d\r\n" +
	"To: <sip:+46850001234@192.0.2.10;user=phone>\r\n" +
	"Call-ID: 1208925819614629174706176_4f2a@198.51.100.77\r\n" +
	"CSeq: 24817 INVITE\r\n" +
	"Max-Forwards: 68\r\n" +
	"Allow: INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS,MESSAGE\r\n" +
	"Accept: application/sdp, application/isup, application/dtmf, application/dtmf-relay, multipart/mixed\r\n" +
	"Contact: <sip:+46701234567@198.51.100.77:5060;transport=udp>\r\n" +
	"P-Asserted-Identity: \"Example Caller\" <sip:+46701234567@198.51.100.77:5060>\r\n" +
	"Supported: timer,100rel,precondition,replaces\r\n" +
	"Session-Expires: 1800\r\n" +
	"Min-SE: 90\r\n" +
	"Content-Length: 239\r\n" +
	"Content-Disposition: session; handling=required\r\n" +
	"Content-Type: application/sdp\r\n" +
	"\r\n" +
	"v=0\r\n" +
	"o=Carrier_UAC 1234567 7654321 IN IP4 198.51.100.77\r\n" +
	"s=SIP Media Capabilities\r\n" +
	"c=IN IP4 198.51.100.90\r\n" +
	"t=0 0\r\n" +
	"m=audio 21546 RTP/AVP 8 0 101\r\n" +
	"a=rtpmap:8 PCMA/8000\r\n" +
	"a=rtpmap:101 telephone-event/8000\r\n" +
	"a=fmtp:101 0-15\r\n" +
	"a=sendrecv\r\n" +
	"a=ptime:20\r\n"

func BenchmarkParse(b *testing.B) {
	data := []byte(carrierInvite)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	data := []byte(carrierInvite)
	for b.Loop() {
		if _, err := scan(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSipgoAlone(b *testing.B) {
	data := []byte(carrierInvite)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := parser.Parse(data, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	msg, err := Parse([]byte(carrierInvite))
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = Append(buf[:0], msg); err != nil {
			b.Fatal(err)
		}
	}
}
