package event

import (
	"encoding/json"
	"fmt"
	"time"
)

// Layouts of points in time, always in UTC.
const (
	timeLayout = "2006-01-02 15:04:05.000000"
	execLayout = "2006-01-02 15:04:05.000000000"
)

// never stands for a time that is not yet reached.
const never = "9999-01-01 00:00:00.000000"

// A Time is a point in time as text with microseconds, in UTC; the zero time
// is one that is not yet reached and is written 9999-01-01 00:00:00.000000.
type Time time.Time

// String gives the time as JSON carries it.
func (t Time) String() string {
	if time.Time(t).IsZero() {
		return never
	}
	return time.Time(t).UTC().Format(timeLayout)
}

// IsZero says that the time is not yet reached.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }

// MarshalJSON implements [json.Marshaler].
func (t Time) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// UnmarshalJSON reads what MarshalJSON writes; the empty text and null are the
// zero time.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	p, err := ParseTime(s)
	if err != nil {
		return err
	}
	*t = p
	return nil
}

// ParseTime reads the text form of a [Time].
func ParseTime(s string) (Time, error) {
	if s == "" || s == never {
		return Time{}, nil
	}
	p, err := time.Parse("2006-01-02 15:04:05.999999999", s)
	if err != nil {
		return Time{}, fmt.Errorf("bad time %q; write it like 2026-05-01 15:10:23.414798", s)
	}
	return Time(p), nil
}

// An ExecTime is when an action began: text with nanoseconds, in UTC, empty
// when it has not.
type ExecTime time.Time

// MarshalJSON implements [json.Marshaler].
func (t ExecTime) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte(`""`), nil
	}
	return []byte(time.Time(t).UTC().Format(`"` + execLayout + `"`)), nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (t *ExecTime) UnmarshalJSON(b []byte) error { return (*Time)(t).UnmarshalJSON(b) }
