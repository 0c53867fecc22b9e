package main

import (
	"testing"

	"tandem/sip"
)

// TestBounded: a peer that floods a test call cannot hide its end.
func TestBounded(t *testing.T) {
	ch := make(chan any, 4)
	post := bounded(ch)
	for range 100 {
		post(sip.Info{})
	}
	post(sip.Hungup{})
	if len(ch) != 4 {
		t.Fatalf("%d messages", len(ch))
	}
	for range 3 {
		<-ch
	}
	if _, ok := (<-ch).(sip.Hungup); !ok {
		t.Error("the end was dropped")
	}
}
