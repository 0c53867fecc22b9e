package route

import (
	"fmt"
	"strings"

	"tandem/flow"
	"tandem/media/tone"
)

// service is what a built-in service does; nil where there is none of the name.
func service(name string) []flow.Step {
	answer := flow.Step{Type: "answer"}
	switch strings.ToLower(name) {
	case "echo":
		return []flow.Step{answer, {Type: "echo", Option: map[string]any{"duration": 24 * 3600 * 1000}}}
	case "tone":
		return []flow.Step{answer, {Type: "play", Do: playing(testTone)}}
	case "music":
		return []flow.Step{answer, {Type: "play", Do: playing(tune)}}
	case "readback":
		return []flow.Step{
			answer,
			say("Enter digits, and end with hash."),
			{ID: "again", Type: "digits_receive", Option: map[string]any{"duration": 10000, "key": "#"}},
			{Type: "variable_set", Do: flow.ActionFunc(spellDigits)},
			say("${tandem.readback}"),
			{Type: "goto", Option: map[string]any{"target_id": "again"}},
		}
	case "time":
		return []flow.Step{
			answer,
			{ID: "again", Type: "variable_set", Do: flow.ActionFunc(tellTime)},
			say("${tandem.time}"),
			{Type: "sleep", Option: map[string]any{"duration": 3000}},
			{Type: "goto", Option: map[string]any{"target_id": "again"}},
		}
	}
	return nil
}

func say(text string) flow.Step {
	return flow.Step{Type: "talk", Option: map[string]any{"text": text, "language": "en-GB"}}
}

const (
	// testTone is the 1004 Hz of the digital milliwatt's successors: off 1000,
	// so that it does not divide the sample rate (ITU-T O.6).
	testTone = "1004"
	// tune is C major, A minor, F major, G major, as broken chords over a
	// held bass.
	tune = "131+523/250,131+659/250,131+784/250,131+659/250,131+523/250,131+659/250,131+784/250,131+1047/250," +
		"110+440/250,110+523/250,110+659/250,110+523/250,110+440/250,110+523/250,110+659/250,110+880/250," +
		"175+440/250,175+523/250,175+698/250,175+523/250,175+440/250,175+523/250,175+698/250,175+880/250," +
		"196+494/250,196+587/250,196+784/250,196+587/250,196+494/250,196+587/250,196+784/250,196+988/250"
)

// playing plays a tone sequence without end.
func playing(sequence string) flow.Action {
	return flow.ActionFunc(func(c *flow.Call) (flow.Outcome, error) {
		src, err := tone.Parse(sequence)
		if err != nil {
			return flow.Outcome{}, err
		}
		return flow.Outcome{}, c.Play(src)
	})
}

// spellDigits puts the digits received into words.
func spellDigits(c *flow.Call) (flow.Outcome, error) {
	digits := strings.TrimSuffix(c.Vars().Get(flow.VarDigits), "#")
	if digits == "" {
		return flow.Outcome{}, c.Vars().Set("tandem.readback", "I heard no digits.")
	}
	return flow.Outcome{}, c.Vars().Set("tandem.readback", "You entered "+Spell(digits)+".")
}

// Spell says digits one by one.
func Spell(digits string) string {
	words := make([]string, 0, len(digits))
	for _, d := range digits {
		switch d {
		case '*':
			words = append(words, "star")
		case '#':
			words = append(words, "hash")
		default:
			words = append(words, string(d))
		}
	}
	return strings.Join(words, ", ")
}

// tellTime puts the time into words.
func tellTime(c *flow.Call) (flow.Outcome, error) {
	now := c.Now().UTC()
	text := fmt.Sprintf("It is %d hours, %d minutes and %d seconds, universal time.", now.Hour(), now.Minute(), now.Second())
	return flow.Outcome{}, c.Vars().Set("tandem.time", text)
}
