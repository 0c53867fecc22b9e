// Package speech turns text into audio and, later, audio into text. Engines are
// folders beside it (piper, espeak); a [Speaker] tries them in order, splits
// long text into segments so that the first plays while the next is made, and
// keeps what was made on disk.
//
//	Request ── parse (SSML, sentences) ──> segments
//	segment ── memory? disk? engine ──> 16 kHz PCM ── ring ──> media.Source
package speech

import (
	"context"
	"errors"
)

// A Request is a text to be spoken.
type Request struct {
	// Text is what to say, plain or SSML, at most [MaxText] bytes.
	Text string
	// SSML says that Text is SSML. Text that begins with <speak or <?xml is
	// SSML in any case.
	SSML bool
	// Language is a BCP 47 tag such as "en-GB". Empty: the speaker's default.
	Language string
	// Voice is an engine's name for a voice, such as "jenny". Empty, or one
	// that no engine has: chosen by language and gender.
	Voice string
	// Gender is "male", "female", "neutral" or empty. It is a wish: a language
	// without such a voice is spoken by another.
	Gender string
	// Rate is the sample rate in Hz at which the source will be read, so that
	// nothing is left to resample on the media worker. 0: 16000. A source may
	// still be read at any rate.
	Rate int
}

// MaxText is the longest text of a request in bytes.
const MaxText = 64 << 10

var (
	// ErrNoVoice says that no engine speaks the language asked for.
	ErrNoVoice = errors.New("no voice")
	// ErrNotReady says that an engine cannot serve yet: its program or voice
	// is not there. The next engine is tried.
	ErrNotReady = errors.New("speech engine not ready")
	// ErrEmpty says that a request has nothing to say.
	ErrEmpty = errors.New("no text to speak")
	// ErrTooLong says that a request exceeds [MaxText].
	ErrTooLong = errors.New("text too long")
	// ErrClosed says that the speaker or engine has been closed.
	ErrClosed = errors.New("speech closed")
)

// A PCMWriter takes audio from an engine as it is made. WritePCM may block; its
// error ends the synthesis and is returned by Synthesize. It must not keep pcm.
// The rate in Hz is the same at every call of one synthesis.
type PCMWriter interface {
	WritePCM(rate int, pcm []int16) error
}

// A Synthesizer is an engine that speaks. It is safe for concurrent use.
type Synthesizer interface {
	// Name is the engine's name in the configuration, such as "piper".
	Name() string
	// Voices are the voices that can be used now. The error says why there
	// are none: it wraps [ErrNotReady] where waiting or installing helps.
	Voices() ([]Voice, error)
	// Synthesize writes the speech of one segment of plain text (about a
	// sentence) in the voice named, blocking until all of it is written. req
	// has no markup and a Voice of this engine's.
	Synthesize(ctx context.Context, req Request, out PCMWriter) error
}

// A Voice is one of an engine's.
type Voice struct {
	// Name is the engine's own name for it.
	Name string
	// Language is its BCP 47 tag.
	Language string
	// Gender is "male", "female" or empty where it is neither or not known.
	Gender string
}
