package story

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/encoding/prototext"
)

const (
	plainText    = "text/plain; version=0.0.4; charset=utf-8; escaping="
	protobuf     = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding="
	acceptedText = "text/plain;version=0.0.4"
	acceptedOpen = "application/openmetrics-text;version="
	acceptedWire = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
)

// accepted are what scrapers accept, as Prometheus and others send it, with the type of the answer.
var accepted = map[string]struct{ accept, answer string }{
	"nothing":                       {"", plainText + "underscores"},
	"anything":                      {"*/*", plainText + "underscores"},
	"a browser":                     {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", plainText + "underscores"},
	"nonsense":                      {"nonsense;;q=x, /, ;=,", plainText + "underscores"},
	"what is not there":             {"application/json", plainText + "underscores"},
	"OpenMetrics 0.0.1":             {acceptedOpen + "0.0.1", plainText + "underscores"},
	"OpenMetrics 1.0.0":             {acceptedOpen + "1.0.0; charset=utf-8", plainText + "underscores"},
	"OpenMetrics 2.0.0":             {acceptedOpen + "2.0.0", plainText + "underscores"},
	"OpenMetrics with UTF-8 names":  {acceptedOpen + "1.0.0;escaping=allow-utf-8", plainText + "underscores"},
	"text with UTF-8 names":         {acceptedText + ";escaping=allow-utf-8", plainText + "allow-utf-8"},
	"text with values escaped":      {acceptedText + ";escaping=values", plainText + "values"},
	"Prometheus 2.20":               {acceptedOpen + "0.0.1," + acceptedText + ";q=0.5,*/*;q=0.1", plainText + "underscores"},
	"Prometheus 2":                  {acceptedOpen + "1.0.0," + acceptedOpen + "0.0.1;q=0.75," + acceptedText + ";q=0.5,*/*;q=0.1", plainText + "underscores"},
	"Prometheus 2, histograms":      {acceptedWire + "delimited," + acceptedOpen + "1.0.0;q=0.8," + acceptedOpen + "0.0.1;q=0.75," + acceptedText + ";q=0.5,*/*;q=0.1", protobuf + "delimited; escaping=underscores"},
	"Prometheus 3":                  {acceptedOpen + "1.0.0;escaping=allow-utf-8;q=0.5," + acceptedOpen + "0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3," + acceptedText + ";q=0.2,*/*;q=0.1", plainText + "underscores"},
	"Prometheus 3, histograms":      {acceptedWire + "delimited;escaping=allow-utf-8;q=0.6," + acceptedOpen + "1.0.0;escaping=allow-utf-8;q=0.5," + acceptedOpen + "0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3," + acceptedText + ";q=0.2,*/*;q=0.1", protobuf + "delimited; escaping=allow-utf-8"},
	"Prometheus 3, old names":       {acceptedOpen + "1.0.0;escaping=underscores;q=0.5," + acceptedOpen + "0.0.1;q=0.4," + acceptedText + ";escaping=underscores;q=0.2,*/*;q=0.1", plainText + "underscores"},
	"protobuf for people":           {acceptedWire + "text", protobuf + "text; escaping=underscores"},
	"compact protobuf for people":   {acceptedWire + "compact-text", protobuf + "compact-text; escaping=underscores"},
	"protobuf of another message":   {strings.Replace(acceptedWire, "MetricFamily", "Other", 1) + "delimited", plainText + "underscores"},
	"protobuf without its encoding": {"application/vnd.google.protobuf", plainText + "underscores"},
}

// encodings are what scrapers can unpack, and whether the answer is packed.
var encodings = map[string]bool{
	"": false, "gzip": true, "gzip, deflate, br, zstd": true, "gzip;q=0": false, "zstd": false, "zstd, gzip;q=0.5": true, "identity": false, "x, ;q=": false,
}

// Whatever a scraper accepts, it gets the documented names, types, HELP and values, in the format that the answer says.
func TestFormatsOfMetrics(t *testing.T) {
	t.Parallel()
	e := newExporter(t, newRecorder(t).URL)
	e.start()
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	want := numbers{}
	for i, env := range []string{"production", names["label"], names["backslash"], names["emoji"], names["right-to-left"]} {
		d := deployed{id: i + 1, repo: "web", env: "production", sha: "c0ffee", ref: "main"}
		w := d.status(i+1, "success", day)
		w = gitHub("deployment_status", strings.Replace(w.body, `"environment":"production"`, `"environment":`+encode(env), 1))
		e.mustPost(w)
		want[deploymentSeries("github_deployments_total", env, "web", "success", "Platform")] = 1
		want[deploymentSeries("github_deployments_duration", env, "web", "success", "Platform")] = 60
		want[deploymentSeries("github_deployments_duration_sum", env, "web", "success", "Platform")] = 60
	}
	e.mustPost(jira(`{"timestamp":1,"webhookEvent":"jira:issue_updated","issue":{"id":"1","key":"INC-1","fields":{"issuetype":{"name":"Incident"},` +
		`"project":{"key":"INC"},"created":"2026-01-01T00:00:00.000+0000","resolutiondate":"2026-01-01T01:00:00.000+0000"}}}`))
	want[`jira_incidents{project="INC",team="Platform"}`] = 1
	want[`jira_incidents_duration_sum{project="INC",team="Platform"}`] = 3600
	e.becomes(want)

	header, body := e.scrapeAs(http.MethodGet, "/metrics", "", "")
	all, err := families(header.Get("Content-Type"), body)
	if err != nil {
		t.Fatal(err)
	}
	for name, lines := range documentedText {
		if !strings.HasPrefix(all[name], lines) || !strings.Contains("\n"+string(body), "\n"+lines) {
			t.Errorf("it begins otherwise than with\n%s\n%s", lines, all[name])
		}
	}
	for name, c := range accepted {
		for encoding, packed := range encodings {
			if !*torture && encoding != "" && encoding != "gzip" && name != "anything" && name != "Prometheus 3, histograms" {
				continue // a type is chosen without a look at the encoding
			}
			header, body := e.scrapeAs(http.MethodGet, "/metrics", c.accept, encoding)
			if got := header.Get("Content-Type"); got != c.answer {
				t.Errorf("%s, %q: Content-Type is %q, want %q", name, encoding, got, c.answer)
			}
			body = e.unpacked(header, body, packed)
			got, err := families(header.Get("Content-Type"), body)
			if err != nil {
				t.Errorf("%s, %q: %v:\n%.500s", name, encoding, err, body)
				continue
			}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("%s, %q: -plain +this:\n%s", name, encoding, diff)
			}
			head, body := e.scrapeAs(http.MethodHead, "/metrics", c.accept, encoding)
			if len(body) > 0 || head.Get("Content-Type") != header.Get("Content-Type") || head.Get("Content-Encoding") != header.Get("Content-Encoding") {
				t.Errorf("%s, %q: HEAD answers %v and %d bytes", name, encoding, head, len(body))
			}
		}
	}
	for name, text := range all {
		header, body := e.scrapeAs(http.MethodGet, "/metrics?name[]="+url.QueryEscape(name), accepted["Prometheus 2"].accept, "gzip")
		if got := string(e.unpacked(header, body, true)); got != text {
			t.Errorf("%s alone is\n%s, want\n%s", name, got, text)
		}
	}
}

// documentedText is how the documented families begin, with the HELP and TYPE that dashboards know.
var documentedText = map[string]string{
	"github_deployments_total":        "# HELP github_deployments_total The amount of successful deployments.\n# TYPE github_deployments_total counter\ngithub_deployments_total{",
	"github_deployments_duration":     "# HELP github_deployments_duration The last deployments duration\n# TYPE github_deployments_duration gauge\ngithub_deployments_duration{",
	"github_deployments_duration_sum": "# HELP github_deployments_duration_sum The last deployments duration sum\n# TYPE github_deployments_duration_sum gauge\ngithub_deployments_duration_sum{",
	"jira_incidents":                  "# HELP jira_incidents The amount of incidents.\n# TYPE jira_incidents counter\njira_incidents{",
	"jira_incidents_duration_sum":     "# HELP jira_incidents_duration_sum The incidents duration sum\n# TYPE jira_incidents_duration_sum gauge\njira_incidents_duration_sum{",
}

// scrapeAs asks with these headers, and without those that Go adds.
func (e *exporter) scrapeAs(method, path, accept, encoding string) (http.Header, []byte) {
	e.Helper()
	request, err := http.NewRequestWithContext(e.Context(), method, "http://"+e.address+path, http.NoBody)
	if err != nil {
		e.Fatal(err)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	if encoding != "" {
		request.Header.Set("Accept-Encoding", encoding)
	}
	answer, err := client.Do(request)
	if err != nil {
		e.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		e.Fatalf("%s %s, Accept: %s, Accept-Encoding: %s: status %d, %v", method, path, accept, encoding, answer.StatusCode, err)
	}
	return answer.Header, body
}

// unpacked is a body as it was before it was packed, which it must be when it should.
func (e *exporter) unpacked(header http.Header, body []byte, packed bool) []byte {
	e.Helper()
	want := ""
	if packed {
		want = "gzip"
	}
	if got := header.Get("Content-Encoding"); got != want {
		e.Errorf("Content-Encoding is %q, want %q", got, want)
	}
	if !packed {
		return body
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		e.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		e.Fatal(err)
	}
	return plain
}

// families are those of facts in a body of some type, each as plain text.
func families(contentType string, body []byte) (map[string]string, error) {
	all := map[string]string{}
	add := func(f *dto.MetricFamily) error {
		if name := f.GetName(); strings.HasPrefix(name, "dora_exporter_") || !strings.HasPrefix(name, "dora_") && !strings.HasPrefix(name, "github_") && !strings.HasPrefix(name, "jira_") {
			return nil // of the program itself: it may have changed
		}
		var text strings.Builder
		_, err := expfmt.MetricFamilyToText(&text, f)
		all[f.GetName()] = text.String()
		return err
	}
	format := expfmt.Format(contentType)
	if kind := format.FormatType(); kind == expfmt.TypeProtoText || kind == expfmt.TypeProtoCompact {
		for one := range strings.SplitSeq("\n"+string(body), "\nname:") {
			var f dto.MetricFamily
			if one = strings.TrimSpace(one); one == "" {
				continue
			}
			if err := prototext.Unmarshal([]byte("name:"+one), &f); err != nil {
				return nil, err
			}
			if err := add(&f); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	for decoder := expfmt.NewDecoder(bytes.NewReader(body), format); ; {
		var f dto.MetricFamily
		switch err := decoder.Decode(&f); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		if err := add(&f); err != nil {
			return nil, err
		}
	}
}
