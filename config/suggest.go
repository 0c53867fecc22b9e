package config

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean says what to do about an unknown name: the nearest known one, or
// all of them where none is near.
func didYouMean(name string, known []string) string {
	known = slices.Sorted(slices.Values(known))
	best, bestDistance := "", len(name)/3+2
	for _, k := range known {
		if d := distance(strings.ToLower(name), k, bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) == 0:
		return "there is none"
	case len(known) > 30:
		return "have " + strings.Join(known[:30], ", ") + " …"
	default:
		return "have " + strings.Join(known, ", ")
	}
}

// distance is how many letters must be added, removed, changed or swapped with
// their neighbour to make a into b; at least limit where it is more.
func distance(a, b string, limit int) int {
	if len(a) > 100 || len(b) > 100 || len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
