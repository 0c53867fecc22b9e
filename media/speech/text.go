package speech

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A segment is about a sentence: what an engine is given at once and what the
// cache holds.
type segment struct {
	text  string        // empty: a pause alone
	pause time.Duration // silence after the text
}

const (
	sentencePause  = 250 * time.Millisecond
	clausePause    = 80 * time.Millisecond
	paragraphPause = 600 * time.Millisecond

	// longestSegment bounds what an engine is busy with for one caller, in
	// runes: about twenty seconds of speech.
	longestSegment = 300
	// A first sentence longer than longFirst is cut at its first clause end
	// after shortestFirst, so that the caller soon hears something.
	longFirst     = 50
	shortestFirst = 12
)

// segments cuts a request's text into what is synthesised at a time.
func segments(req Request) []segment {
	var out []segment
	for _, p := range parse(req.Text, req.SSML) {
		sentences := split(p.text)
		for i, s := range sentences {
			pause := sentencePause
			if i == len(sentences)-1 {
				pause = p.pause
			}
			for len(s) > 0 {
				head, rest := s, ""
				switch n := utf8.RuneCountInString(s); {
				case len(out) == 0 && n > longFirst:
					head, rest = cut(s, shortestFirst, longestSegment, true)
				case n > longestSegment:
					head, rest = cut(s, longestSegment/2, longestSegment, false)
				}
				s = rest
				if !speakable(head) {
					continue
				}
				after := pause
				if rest != "" {
					after = clausePause
				}
				out = append(out, segment{head, after})
			}
		}
		if p.breaks > 0 {
			out = addPause(out, p.breaks)
		}
	}
	return out
}

// addPause lengthens the last segment's pause, or adds a pause at the
// beginning.
func addPause(out []segment, d time.Duration) []segment {
	if len(out) == 0 {
		return append(out, segment{pause: d})
	}
	out[len(out)-1].pause += d
	return out
}

// split cuts text into sentences with single spaces.
func split(text string) []string {
	words := strings.Fields(text)
	var out []string
	start := 0
	for i, w := range words {
		last := i == len(words)-1
		if last || endsSentence(w, words[i+1]) {
			out = append(out, strings.Join(words[start:i+1], " "))
			start = i + 1
		}
	}
	return splitWide(out)
}

// splitWide cuts at the full stops of scripts that put no space behind them.
func splitWide(sentences []string) []string {
	var out []string
	for _, s := range sentences {
		for {
			i := strings.IndexAny(s, "。！？।")
			if i < 0 {
				break
			}
			_, n := utf8.DecodeRuneInString(s[i:])
			out = append(out, s[:i+n])
			s = strings.TrimSpace(s[i+n:])
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// endsSentence says whether a sentence ends with word, next being the word
// behind it.
func endsSentence(word, next string) bool {
	w := strings.TrimRight(word, `"')]}»”’`)
	if w == "" {
		return false
	}
	switch w[len(w)-1] {
	case '!', '?':
		return true
	case '.':
	default:
		return strings.HasSuffix(w, "…")
	}
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(next, `"'([{«“‘`))
	if unicode.IsLower(first) {
		return false
	}
	return !abbreviation(strings.ToLower(strings.TrimLeft(w, `"'([{«“‘`)))
}

// abbreviation says whether the full stop of a word does not end a sentence.
func abbreviation(w string) bool {
	switch w {
	case "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "no.", "nr.", "e.g.", "i.e.", "vs.", "ext.", "approx.", "z.b.", "bl.a.":
		return true
	}
	// A single letter is an initial; a number is counted or dated ("3. May").
	if utf8.RuneCountInString(w) == 2 {
		r, _ := utf8.DecodeRuneInString(w)
		return unicode.IsLetter(r)
	}
	return false
}

// cut divides s at the best place between shortest and longest runes: behind a
// clause, else, unless only a clause will do, at a space, else anywhere. The
// first clause is taken where clauseOnly, the last otherwise. rest is empty
// where s is left whole.
func cut(s string, shortest, longest int, clauseOnly bool) (head, rest string) {
	clause, space, hard := -1, -1, -1
	n := 0
	var before rune
	for i, r := range s {
		if n == longest {
			hard = i
			break
		}
		if n >= shortest && unicode.IsSpace(r) {
			space = i
			if strings.ContainsRune(",;:–—-", before) {
				clause = i
				if clauseOnly {
					break
				}
			}
		}
		before = r
		n++
	}
	at := clause
	if at < 0 && hard >= 0 {
		at = space
		if at < 0 {
			at = hard
		}
	}
	if at < 0 {
		return s, ""
	}
	return strings.TrimSpace(s[:at]), strings.TrimSpace(s[at:])
}

// speakable says whether there is anything in s that an engine makes a sound
// of: a letter, a digit or a symbol such as €.
func speakable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsSymbol(r)
	})
}
