package espeak

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"tandem/media/speech"
)

type collector struct {
	rate int
	pcm  []int16
}

func (c *collector) WritePCM(rate int, pcm []int16) error {
	c.rate = rate
	c.pcm = append(c.pcm, pcm...)
	return nil
}

func TestSynthesize(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	e := New("")
	for _, voice := range []string{"en-gb", "en-us+f3", "de", "sv", "cmn"} {
		var c collector
		err := e.Synthesize(context.Background(), speech.Request{Text: "Hallo, eins zwei drei.", Voice: voice}, &c)
		if err != nil {
			t.Fatal(voice, err)
		}
		if c.rate < 8000 || len(c.pcm) < c.rate {
			t.Errorf("%s: %d samples at %d Hz", voice, len(c.pcm), c.rate)
		}
		loud := 0
		for _, s := range c.pcm {
			if s > 2000 || s < -2000 {
				loud++
			}
		}
		if loud < len(c.pcm)/20 {
			t.Errorf("%s: %d of %d samples are loud", voice, loud, len(c.pcm))
		}
	}
}

func TestSynthesizeErrors(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	e := New("")
	for _, tt := range []struct{ voice, want string }{
		{"xx-none", "does not exist"},
		{"--version", "no such voice"},
		{"../../etc/passwd", "no such voice"},
	} {
		err := e.Synthesize(context.Background(), speech.Request{Text: "hi", Voice: tt.voice}, &collector{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.voice, err, tt.want)
		}
	}
	stop := errors.New("stop")
	if err := e.Synthesize(context.Background(), speech.Request{Text: "hi", Voice: "en-gb"}, failing{stop}); !errors.Is(err, stop) {
		t.Errorf("writer's error: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Synthesize(ctx, speech.Request{Text: "hi", Voice: "en-gb"}, &collector{}); err == nil {
		t.Error("no error from a cancelled synthesis")
	}
}

type failing struct{ err error }

func (f failing) WritePCM(int, []int16) error { return f.err }

func TestMissingProgram(t *testing.T) {
	e := New("/nowhere/espeak-ng")
	if _, err := e.Voices(); !errors.Is(err, speech.ErrNotReady) || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("Voices: %v", err)
	}
	if err := e.Synthesize(context.Background(), speech.Request{Text: "hi", Voice: "en"}, &collector{}); !errors.Is(err, speech.ErrNotReady) {
		t.Errorf("Synthesize: %v", err)
	}
}

func TestParseVoices(t *testing.T) {
	table := `Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  de              --/M      German             gmw/de               
 5  en-029          --/M      English_(Caribbean) gmw/en-029           (en 10)
 2  en-gb           --/M      English_(Great_Britain) gmw/en               (en 2)
 9  en              --/F      en-german-1        mb/mb-de1-en         
 5  variant         --/M      Storm              !v/Storm             (en-us 5)
nonsense
`
	var got []string
	for _, v := range parseVoices(table) {
		got = append(got, v.Name+"/"+v.Gender)
	}
	want := "en-gb/male en-gb+f3/female de/male de+f3/female en-029/male en-029+f3/female"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}
