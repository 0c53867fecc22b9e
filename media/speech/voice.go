package speech

import (
	"fmt"
	"strings"
)

// A candidate is an engine and the voice of it that suits a request best.
type candidate struct {
	engine Synthesizer
	voice  Voice
}

// candidates are the engines that speak the request's language, in their order.
func candidates(engines []Synthesizer, req Request) ([]candidate, error) {
	var out []candidate
	var why []string
	for _, e := range engines {
		voices, err := e.Voices()
		if err != nil {
			why = append(why, fmt.Sprintf("%s: %v", e.Name(), err))
			continue
		}
		if v, ok := pick(voices, req); ok {
			out = append(out, candidate{e, v})
			continue
		}
		why = append(why, e.Name()+" does not speak it")
	}
	if len(out) == 0 {
		if len(why) == 0 {
			why = append(why, "there is no engine")
		}
		return nil, fmt.Errorf("%w for language %q: %s", ErrNoVoice, req.Language, strings.Join(why, "; "))
	}
	return out, nil
}

// pick chooses the voice that is nearest to the request: of the same language,
// then the one named, then of the same region, then of the gender wished for,
// then the first.
func pick(voices []Voice, req Request) (best Voice, ok bool) {
	score := -1
	for _, v := range voices {
		if !strings.EqualFold(base(v.Language), base(req.Language)) {
			continue
		}
		n := 0
		if req.Voice != "" && strings.EqualFold(v.Name, req.Voice) {
			n += 4
		}
		if strings.EqualFold(normal(v.Language), normal(req.Language)) {
			n += 2
		}
		if strings.EqualFold(v.Gender, req.Gender) {
			n++
		}
		if n > score {
			best, score = v, n
		}
	}
	return best, score >= 0
}

// base is the primary language subtag of a BCP 47 tag. Languages that are one
// for a speaker have one.
func base(tag string) string {
	b, _, _ := strings.Cut(normal(tag), "-")
	switch b = strings.ToLower(b); b {
	case "no":
		return "nb"
	case "iw":
		return "he"
	case "in":
		return "id"
	case "cmn":
		return "zh"
	}
	return b
}

// normal writes a tag with hyphens, as "en_GB" is met too.
func normal(tag string) string { return strings.ReplaceAll(tag, "_", "-") }
