package dora

import "testing"

func TestProductionNames(t *testing.T) {
	for name, want := range map[string]bool{
		"prod": true, "Production": true, "LIVE": true, "PRD": true, "eu-production": true, "aws/prod": true, "prod1": true, "prod.eu": true, "prod_us": true,
		"web: prod": true, "production (eu)": true, "Production – web": true, "acme-production": true, "1prod": true, "pre/eu/prod": true, "no-1-go prod": true,
		"prod (not live)": true, "ÜBER-PROD": true,
		"preprod": false, "pre-prod": false, "Pre Prod": false, "non-production": false, "NON_PROD": false, "not live": false, "no-prod": false, "nonprod": false,
		"non--prod": false, "products": false, "production2go": true, "livestream": false, "delivery": false, "staging": false, "reproduction": false, "": false, "prodé": false,
	} {
		if got := IsProductionName(name); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
	}
}
