package espeak

import (
	"slices"
	"strconv"
	"strings"

	"tandem/media/speech"
)

// female is espeak-ng's voice variant that makes a voice a woman's.
const female = "+f3"

// parseVoices reads the table that espeak-ng --voices prints:
//
//	Pty Language  Age/Gender VoiceName               File    Other Languages
//	 2  en-gb     --/M       English_(Great_Britain) gmw/en  (en 2)
//
// Each voice comes out as a man's and a woman's, the preferred first.
func parseVoices(table string) []speech.Voice {
	type row struct {
		priority int
		language string
	}
	var rows []row
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		priority, err := strconv.Atoi(f[0])
		// MBROLA voices (mb/…) need data that is not there.
		if err != nil || strings.HasPrefix(f[4], "mb/") || f[1] == "variant" {
			continue
		}
		rows = append(rows, row{priority, f[1]})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.priority - b.priority })
	var out []speech.Voice
	for _, r := range rows {
		out = append(out,
			speech.Voice{Name: r.language, Language: r.language, Gender: "male"},
			speech.Voice{Name: r.language + female, Language: r.language, Gender: "female"})
	}
	return out
}
