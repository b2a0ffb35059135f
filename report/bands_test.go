package report

import "testing"

// A value on a limit has reached it.
func TestBands(t *testing.T) {
	const hour, oneDay = 3600., 86400.
	for name, test := range map[string]struct {
		band  func(float64) Band
		value map[float64]Band
	}{
		"frequency": {frequencyBand, map[float64]Band{
			7: Elite, 1: Elite, 0.99: High, 13. / 91: High, 12. / 91: Medium, 3. / 90: Medium, 2. / 90: Low, 0: Low,
		}},
		"lead time": {leadTimeBand, map[float64]Band{
			0: Elite, oneDay: Elite, oneDay + 1: High, 7 * oneDay: High, 8 * oneDay: Medium, 30 * oneDay: Medium, 31 * oneDay: Low,
		}},
		"recovery": {recoveryBand, map[float64]Band{
			0: Elite, hour: Elite, hour + 1: High, oneDay: High, oneDay + 1: Medium, 7 * oneDay: Medium, 8 * oneDay: Low,
		}},
		"failure rate": {failureBand, map[float64]Band{
			0: Elite, 1. / 20: Elite, 2. / 20: High, 3. / 20: Medium, 4. / 20: Low, 1: Low,
		}},
	} {
		for value, want := range test.value {
			if got := test.band(value); got != want {
				t.Errorf("%s of %v: %s, want %s", name, value, got, want)
			}
		}
	}
}
