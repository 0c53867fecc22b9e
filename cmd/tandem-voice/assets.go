package main

import (
	"encoding/json"
	"fmt"
	"io/fs"

	linux "github.com/amitybell/piper-bin-linux"
	jenny "github.com/amitybell/piper-voice-jenny"

	"tandem/media/speech/piper"
)

// An asset is an archive and what it holds.
type asset struct {
	piper.Description          // without version and files
	engine            bool     // the program; else a voice
	archive           fs.FS    // dist.tzst and dist.json
	programs          []string // files to be made executable
}

func assets() []asset {
	return []asset{
		{
			Description: piper.Description{
				Name:    "piper",
				License: "piper: MIT; espeak-ng: GPL-3.0-or-later; onnxruntime: MIT",
			},
			engine:   true,
			archive:  linux.Asset.FS,
			programs: []string{"piper", "piper_phonemize", "espeak-ng"},
		},
		{
			Description: piper.Description{
				Name: "jenny", Language: "en-GB", Gender: "female",
				License: "recordings: Jenny (Dioco), commercial use permitted, the voice is to be called Jenny",
			},
			archive: jenny.Asset.FS,
		},
	}
}

// describe is the asset's description with its version, but without files.
func (a asset) describe() (piper.Description, error) {
	d := a.Description
	data, err := fs.ReadFile(a.archive, "dist.json")
	if err != nil {
		return d, err
	}
	var dist struct{ Version string }
	if err := json.Unmarshal(data, &dist); err != nil || dist.Version == "" {
		return d, fmt.Errorf("%s: dist.json names no version", a.Name)
	}
	d.Version = dist.Version
	return d, nil
}

// folder is where the versions of the asset lie.
func (a asset) folder(dir string) string {
	if a.engine {
		return piper.EngineDir(dir)
	}
	return piper.VoiceDir(dir, a.Name)
}
