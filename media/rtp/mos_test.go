package rtp

import (
	"math"
	"testing"
	"time"
)

// Annex B of G.107, and the user opinion in table 1 of G.109.
func TestMOSOfRating(t *testing.T) {
	for r, want := range map[float64]float64{-5: 1, 0: 1, 50: 2.58, 60: 3.10, 70: 3.60, 80: 4.03, 90: 4.34, 93.2: 4.41, 100: 4.5, 110: 4.5} {
		if got := mosOf(r); math.Abs(got-want) > 0.01 {
			t.Errorf("R %v: MOS %v, want %v", r, got, want)
		}
	}
}

func TestMOS(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name  string
		codec string
		loss  float64
		delay time.Duration
		burst float64
		want  float64
	}{
		{"G.107 with default values, R = 93.2", "pcmu", 0, 0, 1, 4.41},
		{"burst ratio 0 counts as 1", "pcma", 0.01, 0, 0, 4.32},
		{"a negative delay counts as none", "pcmu", 0, -ms, 1, 4.41},
		// Ie,eff = 95*1/(1+25.1) = 3.64; R = 89.57.
		{"G.711 with concealment, 1 %", "pcmu", 0.01, 0, 1, 4.33},
		// Ie,eff = 95*5/(5+25.1) = 15.78; R = 77.4.
		{"5 %", "pcmu", 0.05, 0, 1, 3.93},
		// Ie,eff = 95*5/(5/2+25.1) = 17.21; R = 76.0.
		{"5 % in bursts of ratio 2", "pcmu", 0.05, 0, 2, 3.87},
		// R = 93.2 - 20.
		{"GSM full rate", "gsm", 0, 0, 1, 3.74},
		// Id = Idte 2.81 + Idle 0.84 + Idd 0.16; R = 89.5.
		{"150 ms", "pcmu", 0, 150 * ms, 1, 4.34},
		// Id = Idte 5.81 + Idle 1.23 + Idd 24.07; R = 62.2.
		{"400 ms", "pcmu", 0, 400 * ms, 1, 3.21},
		{"everything lost", "pcmu", 1, 0, 1, 1.18},
		{"worse than that", "gsm", 1, 2 * time.Second, 8, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := MOS(test.codec, test.loss, test.delay, test.burst); math.Abs(got-test.want) > 0.05 {
				t.Errorf("MOS %.3f (R %.2f), want %v", got, rating(impairmentOf(test.codec), test.loss, test.delay, test.burst), test.want)
			}
		})
	}
	for d := time.Duration(0); d < time.Second; d += 10 * ms {
		if MOS("pcmu", 0, d+10*ms, 1) > MOS("pcmu", 0, d, 1)+1e-9 {
			t.Errorf("better at %v than before", d+10*ms)
		}
	}
}
