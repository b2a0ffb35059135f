package dora

import (
	"testing"
)

// The key of a delivery is found again from the subject of a fact that follows from it.
func TestStatusKeys(t *testing.T) {
	for subject, want := range map[string]string{
		"deployment_status:api.github.com/123": StatusKey("api.github.com", 123),
		"deployment_status:ghe.example:8443/7": StatusKey("ghe.example:8443", 7),
		"deployment_status:/7":                 StatusKey("", 7),
	} {
		if _, key, _ := CutSubject(subject); StatusKeyOf(key) != want {
			t.Errorf("%s: %q, want %q", subject, StatusKeyOf(key), want)
		}
	}
}
