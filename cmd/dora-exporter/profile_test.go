package main

import (
	"compress/gzip"
	"io"
	"os"
	"regexp"
	"testing"
)

// The profile names no folder of the machine on which it was recorded.
func TestProfileHasNoFolder(t *testing.T) {
	file, err := os.Open("default.pgo")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile(`[\w./-]*bench/profiles/dora-exporter`).FindAllString(string(profile), -1)
	if len(program) != 1 || program[0] != "bench/profiles/dora-exporter" {
		t.Errorf("the program is %q, want its path from the root of the repository", program)
	}
}
