// Package tone makes the tones that a telephone network speaks with: ringback,
// busy, congestion and dial tone as each country knows them, and beeps, as
// sources of frames at any rate.
//
// A tone is written as a sequence of elements, separated by commas:
//
//	element  = ["!"] freq *( "+" freq ) [ "/" milliseconds ]
//	freq     = hertz [ "*" hertz ]
//
// Frequencies joined by "+" sound together; one after "*" modulates the one
// before it; 0 alone is silence. An element without a duration goes on for ever.
// Elements with "!" are played once, then the others over and over; where all
// have it, the tone ends. "440+480/2000,0/4000" is the American ringback tone,
// "!1000/200" a beep.
package tone

import (
	"fmt"
	"slices"
	"strings"
)

// The names that [New] knows.
const (
	Beep       = "beep"       // a short tone, such as before a recording
	Ringback   = "ringback"   // the far end is ringing
	Busy       = "busy"       // the far end is in a call
	Congestion = "congestion" // the network has no way
	Dial       = "dial"       // a number can be dialled
)

// beep is the same everywhere.
const beep = "!1000/250"

// cadences are a country's tones as sequences (ITU-T E.180 supplement 2 and
// national specifications).
type cadences struct{ dial, ringback, busy, congestion string }

// countries is keyed by ISO 3166 code. Read only.
var countries = map[string]cadences{
	"at": {"420", "420/1000,0/5000", "420/400,0/400", "420/200,0/200"},
	"au": {"413+438", "413+438/400,0/200,413+438/400,0/2000", "425/375,0/375", "425/375,0/375,420/375,0/375"},
	"be": {"425", "425/1000,0/3000", "425/500,0/500", "425/167,0/167"},
	"ca": northAmerica,
	"ch": {"425", "425/1000,0/4000", "425/500,0/500", "425/200,0/200"},
	"de": {"425", "425/1000,0/4000", "425/480,0/480", "425/240,0/240"},
	"dk": {"425", "425/1000,0/4000", "425/500,0/500", "425/200,0/200"},
	"es": {"425", "425/1500,0/3000", "425/200,0/200", "425/200,0/200,425/200,0/200,425/200,0/600"},
	"fi": {"425", "425/1000,0/4000", "425/300,0/300", "425/200,0/200"},
	"fr": {"440", "440/1500,0/3500", "440/500,0/500", "440/250,0/250"},
	"gb": {"350+440", "400+450/400,0/200,400+450/400,0/2000", "400/375,0/375", "400/400,0/350,400/225,0/525"},
	"in": {"400*25", "400*25/400,0/200,400*25/400,0/2000", "400/750,0/750", "400/250,0/250"},
	"it": {"425/200,0/200,425/600,0/1000", "425/1000,0/4000", "425/500,0/500", "425/200,0/200"},
	"jp": {"400", "400*16/1000,0/2000", "400/500,0/500", "400/500,0/500"},
	"kr": {"350+440", "440+480/1000,0/2000", "480+620/500,0/500", "480+620/300,0/200"},
	"nl": {"425", "425/1000,0/4000", "425/500,0/500", "425/250,0/250"},
	"no": {"425", "425/1000,0/4000", "425/500,0/500", "425/200,0/200"},
	"nz": {"400", "400+450/400,0/200,400+450/400,0/2000", "400/500,0/500", "400/250,0/250"},
	"se": {"425", "425/1000,0/5000", "425/250,0/250", "425/250,0/750"},
	"us": northAmerica,
}

var northAmerica = cadences{"350+440", "440+480/2000,0/4000", "480+620/500,0/500", "480+620/250,0/250"}

// elsewhere is what most of the world uses, and what ITU-T E.180 recommends.
var elsewhere = cadences{"425", "425/1000,0/4000", "425/500,0/500", "425/250,0/250"}

// Names lists the names of tones.
func Names() []string { return []string{Beep, Busy, Congestion, Dial, Ringback} }

// Countries lists the ISO 3166 codes, in lower case, of the countries whose own
// tones are known.
func Countries() []string {
	codes := make([]string, 0, len(countries))
	for c := range countries {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}

// Sequence gives the sequence of a named tone in a country, by its ISO 3166 code
// in either case. For an empty or unknown country it is what ITU-T E.180
// recommends. An unknown name is an error.
func Sequence(name, country string) (string, error) {
	c, ok := countries[strings.ToLower(country)]
	if !ok {
		c = elsewhere
	}
	switch name {
	case Beep:
		return beep, nil
	case Ringback:
		return c.ringback, nil
	case Busy:
		return c.busy, nil
	case Congestion:
		return c.congestion, nil
	case Dial:
		return c.dial, nil
	}
	return "", fmt.Errorf("tone: unknown tone %q; have %s", name, strings.Join(Names(), ", "))
}

// New gives a named tone of a country from its beginning, as Sequence finds it.
func New(name, country string) (*Source, error) {
	seq, err := Sequence(name, country)
	if err != nil {
		return nil, err
	}
	return Parse(seq)
}
