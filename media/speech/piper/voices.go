package piper

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"tandem/media/speech"
)

// Manifest is the file that describes an engine or voice and is the last to be
// written: a folder without it is not used.
const Manifest = "tandem.json"

// A Description is the content of a voice's [Manifest].
type Description struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Language string `json:"language,omitempty"` // BCP 47
	Gender   string `json:"gender,omitempty"`   // male, female
	License  string `json:"license,omitempty"`
	// Files are the sizes of all files in bytes, by path in the folder.
	Files map[string]int64 `json:"files"`
}

// A voice is a voice's files.
type voice struct {
	speech.Voice
	model, config string
	rate          int // Hz
}

// EngineDir is the folder under dir where the versions of the engine lie.
func EngineDir(dir string) string { return filepath.Join(dir, "engine") }

// VoiceDir is the folder under dir where the versions of a voice lie.
func VoiceDir(dir, name string) string { return filepath.Join(dir, "voices", name) }

// findEngine is the path of the piper program of the newest version.
func findEngine(dir string) (string, error) {
	at, _, err := newest(EngineDir(dir))
	if err != nil {
		return "", fmt.Errorf("%w: piper is not unpacked yet", speech.ErrNotReady)
	}
	return filepath.Join(at, "piper"), nil
}

// findVoices lists the voices by name.
func findVoices(dir string) ([]voice, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "voices"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	var out []voice
	for _, e := range entries {
		if v, err := findVoice(dir, e.Name()); err == nil {
			out = append(out, v)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no voice is unpacked yet", speech.ErrNotReady)
	}
	// The voice that speaks where no gender is asked for.
	slices.SortStableFunc(out, func(a, b voice) int {
		return prefer(b) - prefer(a)
	})
	return out, nil
}

func prefer(v voice) int {
	if v.Gender == "female" {
		return 1
	}
	return 0
}

// findVoice reads the description of the newest version of a voice.
func findVoice(dir, name string) (voice, error) {
	if name == "" || name != filepath.Base(name) || name[0] == '.' {
		return voice{}, fmt.Errorf("voice %q: %w", name, errNoVoice)
	}
	at, d, err := newest(VoiceDir(dir, name))
	if err != nil {
		return voice{}, fmt.Errorf("voice %q: %w", name, err)
	}
	v := voice{
		Voice:  speech.Voice{Name: name, Language: d.Language, Gender: d.Gender},
		model:  filepath.Join(at, "voice.onnx"),
		config: filepath.Join(at, "voice.json"),
	}
	data, err := os.ReadFile(v.config)
	if err != nil {
		return voice{}, fmt.Errorf("voice %q: %w", name, err)
	}
	var c struct {
		Audio struct {
			SampleRate int `json:"sample_rate"`
		} `json:"audio"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return voice{}, fmt.Errorf("voice %q: %s: %w", name, v.config, err)
	}
	v.rate = c.Audio.SampleRate
	if v.rate < 8000 || v.rate > 48000 {
		return voice{}, fmt.Errorf("voice %q: %s: sample rate %d", name, v.config, v.rate)
	}
	return v, nil
}

// newest is the folder in dir with a manifest whose name sorts last.
func newest(dir string) (string, Description, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", Description{}, err
	}
	for _, e := range slices.Backward(entries) {
		at := filepath.Join(dir, e.Name())
		data, err := os.ReadFile(filepath.Join(at, Manifest))
		if err != nil || e.Name()[0] == '.' {
			continue
		}
		var d Description
		if err := json.Unmarshal(data, &d); err != nil {
			return "", Description{}, fmt.Errorf("%s: %w", at, err)
		}
		return at, d, nil
	}
	return "", Description{}, fmt.Errorf("nothing in %s", dir)
}
