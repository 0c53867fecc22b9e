package speech

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// show writes segments as their texts with the pauses in milliseconds between.
func show(segs []segment) string {
	var b strings.Builder
	for _, s := range segs {
		b.WriteString(s.text)
		if s.pause > 0 {
			fmt.Fprintf(&b, "|%d|", s.pause/time.Millisecond)
		} else {
			b.WriteString("|")
		}
	}
	return b.String()
}

func TestSegments(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		// Plain text.
		{"Hello.", "Hello.|"},
		{"  Hello \n world ", "Hello world|"},
		{"One. Two! Three? Four", "One.|250|Two!|250|Three?|250|Four|"},
		{"Dr. Smith is in. J. S. Bach is not, i.e. Nobody is.", "Dr. Smith is in.|250|J. S. Bach is not, i.e. Nobody is.|"},
		{"It costs 3.50 today. ok", "It costs 3.50 today. ok|"},
		{`He said "Go." Then he went.`, `He said "Go."|250|Then he went.|`},
		{"First.\n\nSecond.", "First.|600|Second.|"},
		{"First.\r\n\r\nSecond.", "First.|600|Second.|"},
		{"你好。再见！", "你好。|250|再见！|"},
		{"", ""},
		{"... - !", ""},
		{"5 < 6 and 7 > 3", "5 < 6 and 7 > 3|"},
		{"a <b and c> d", "a < b and c> d|"},
		{"a < b", "a < b|"},
		{"I <3 you", "I < 3 you|"},
		{"AT&amp;T", "AT&amp;T|"}, // not marked as SSML: as it stands
		{"Wait <break time=\"1s\"/> now", "Wait|1000|now|"},
		{"[[espeak phonemes]]", "((espeak phonemes))|"},
		{"bell\x07 nul\x00 bad\xff utf", "bell nul bad utf|"},

		// A long first sentence is cut where the caller gains by it, others not.
		{"Welcome to the reception of Example Limited, where every call is answered in turn. Please wait until somebody has time for you, and have your number ready.",
			"Welcome to the reception of Example Limited,|80|where every call is answered in turn.|250|Please wait until somebody has time for you, and have your number ready.|"},

		// SSML.
		{"<speak>Hello <b>there</b></speak>", "Hello there|"},
		{"<speak>One<break time='500ms'/>two<break time=\"1.5s\"/>three</speak>", "One|500|two|1500|three|"},
		{"<speak>a<break/>b<break strength='none'/>c<break strength=\"x-strong\"/>d</speak>", "a|500|b|c|1000|d|"},
		{"<speak>a<break time='2s'/><break time='1s'/>b</speak>", "a|3000|b|"},
		{"<speak><break time='300ms'/>late</speak>", "|300|late|"},
		{"<speak>early<break time='300ms'/></speak>", "early|300|"},
		{"<speak>a<break time='3600s'/>b</speak>", "a|30000|b|"},
		{"<speak>a<break time='NaNs'/>b<break time='-1s'/>c<break time='x'/>d</speak>", "a|500|b|500|c|500|d|"},
		{"<speak><p>One. Two.</p><p>Three.</p></speak>", "One.|250|Two.|600|Three.|"},
		{"<speak><s>one</s><s>two</s></speak>", "one|250|two|"},
		{"<speak><prosody rate='slow' pitch='+5%'>slow</prosody> speech</speak>", "slow speech|"},
		{"<speak>Tom &amp; Jerry &lt;3 &#233;</speak>", "Tom & Jerry <3 é|"},
		{"<speak>Tom & Jerry, 5 < 6</speak>", "Tom & Jerry, 5 < 6|"},
		{"<speak><sub alias='World Wide Web Consortium'>W3C</sub> rules</speak>", "World Wide Web Consortium rules|"},
		{"<speak>code <say-as interpret-as='characters'>AB1</say-as> ok</speak>", "code A B 1 ok|"},
		{"<speak>on <say-as interpret-as='date'>1 May</say-as></speak>", "on 1 May|"},
		{"<speak>a<!-- not <this> -->b <?pi x?>c <![CDATA[5<6]]></speak>", "ab c 5<6|"},
		{"<?xml version='1.0'?><speak>hi</speak>", "hi|"},
		{"<speak>unclosed <emphasis>tag", "unclosed tag|"},
		{"<speak>cut <break time=", "cut|"},
		{"<speak><audio src='http://x/y.wav'><desc>a dog</desc>instead</audio></speak>", "instead|"},
		{"<SPEAK>not it", "not it|"},
	} {
		got := show(segments(Request{Text: tt.text}))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q\n%s", tt.text, diff)
		}
	}
}

func TestSegmentsMarked(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"hi &amp; bye", "hi & bye|"},
		{"a <b and c> d", "a d|"},
	} {
		got := show(segments(Request{Text: tt.text, SSML: true}))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q\n%s", tt.text, diff)
		}
	}
}

func TestSegmentsAreShort(t *testing.T) {
	for name, text := range map[string]string{
		"one word":   strings.Repeat("å", 5000),
		"words":      strings.Repeat("word ", 5000),
		"no spaces":  strings.Repeat("a,b;c", 2000),
		"clauses":    strings.Repeat("this is a clause, ", 1000),
		"characters": "<speak><say-as interpret-as='characters'>" + strings.Repeat("1", 5000) + "</say-as></speak>",
	} {
		var letters int
		for _, s := range segments(Request{Text: text}) {
			if n := utf8.RuneCountInString(s.text); n > longestSegment {
				t.Errorf("%s: a segment of %d runes", name, n)
			}
			letters += len(strings.ReplaceAll(s.text, " ", ""))
		}
		want := text
		if name == "characters" {
			want = strings.Repeat("1", 5000)
		}
		if n := len(strings.ReplaceAll(want, " ", "")); letters != n {
			t.Errorf("%s: %d of %d letters are spoken", name, letters, n)
		}
	}
}

func FuzzSegments(f *testing.F) {
	f.Add("<speak>Hello <break time='1s'/>there. <p>x</p></speak>", true)
	f.Add("5 < 6 & 7", false)
	f.Add("<sub alias=\"a\">b</sub><![CDATA[x]]><!--", true)
	f.Fuzz(func(t *testing.T, text string, ssml bool) {
		if len(text) > MaxText {
			t.Skip()
		}
		var silence time.Duration
		for _, s := range segments(Request{Text: text, SSML: ssml}) {
			if !utf8.ValidString(s.text) || strings.ContainsAny(s.text, "\x00\n[") {
				t.Errorf("segment %q", s.text)
			}
			if utf8.RuneCountInString(s.text) > longestSegment {
				t.Errorf("segment of %d bytes", len(s.text))
			}
			if s.pause < 0 {
				t.Errorf("pause %v", s.pause)
			}
			silence += s.pause
		}
		if silence > time.Duration(len(text)+1)*longestBreak {
			t.Errorf("%v of silence", silence)
		}
	})
}
