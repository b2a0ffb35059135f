package main

import (
	"os"
	"reflect"
	"testing"
	"time"

	"dora-exporter/internal/testexporter"
)

// binary is the exporter, built once for all tests.
var binary string

func TestMain(m *testing.M) { os.Exit(testexporter.Run(m, &binary, "2")) }

// Everything in the table was measured: nothing is 0.
func TestMeasure(t *testing.T) {
	run, err := measureAll(t.Context(), binary, t.TempDir(), []int{80}, []int{300}, runOptions{1, 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, measured := range []any{run, run.Results[0], run.Restored[0]} {
		v := reflect.ValueOf(measured)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s is missing", v.Type().Field(i).Name)
			}
		}
	}
}
