package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"dora-exporter/dora"
)

// Config is the configuration: the file, then the environment, then the defaults.
type Config struct {
	Server Server
	GitHub GitHub
	Jira   struct {
		WebhookSecret, WebhookToken []string
		// WebhookTokenInURL is true if the token may be in the URL.
		WebhookTokenInURL bool
		// TeamField is the id of the field with the teams of an issue, EvidenceFields are ids of fields that may name deployments.
		TeamField      string
		EvidenceFields []string
		// BaseURL, User, Token and JQL are for reading issues from the API.
		BaseURL, User, Token, JQL string
		// Repair is the time between two searches for events that webhooks did not bring; 0 for none.
		Repair time.Duration
	}
	// Policy has the settings of the measures, from several sections.
	Policy  dora.Policy
	Catalog struct {
		// Mode is static or backstage.
		Mode, Endpoint, Token string
		CacheTTL, MaxWait     time.Duration
	}
	Teams        []dora.Team
	Environments dora.Environments
	Metrics      struct {
		// MaxSeries is the limit of each group of families.
		MaxSeries int
		// RedeploymentLabel adds the label redeployment to the github_* families.
		RedeploymentLabel bool
	}
	Storage  Storage
	Backfill Backfill
	OTLP     OTLP
}

// Server has the addresses to listen on.
type Server struct {
	Host string
	Port int
	// MetricsListen is the address, host:port, of /metrics and the pages; empty if they share that of the webhooks.
	MetricsListen string
	// Page is on or off, and enables the pages for people.
	Page string
}

// Address returns the address that the webhooks are received on.
func (s Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Listen replaces the address of the webhooks, host:port, unless it is empty.
func (s *Server) Listen(address string) {
	if host, port, err := net.SplitHostPort(address); err == nil {
		s.Host = host
		s.Port, _ = strconv.Atoi(port)
	}
}

// LocalAddress returns the address of the webhooks as seen from this machine.
func (s Server) LocalAddress() string {
	host := s.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(s.Port))
}

// Load reads the file at path, which may be missing unless named is true. Warnings are about settings that work but are probably
// a mistake. An error has a line for each problem: file, line, what is wrong, what to write instead.
func Load(path string, named bool, getenv func(string) string) (c *Config, warnings []string, err error) {
	return LoadSections(path, named, getenv)
}

// LoadSections reads the file at path like Load, but only some of its sections, such as storage and jira.incidents. Errors in
// other sections, or in the files that they name, are ignored. Without sections it reads all.
func LoadSections(path string, named bool, getenv func(string) string, sections ...string) (c *Config, warnings []string, err error) {
	data, err := ReadYAML(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		warnings = append(warnings, fmt.Sprintf("configuration file %s does not exist, using the defaults", path))
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%s: file does not exist: set the path of the configuration with -config.file", path)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: can't be read: %w; set the path of a YAML file with -config.file", path, err)
	}
	c, more, err := Parse(path, data, getenv, sections...)
	return c, append(warnings, more...), err
}

// Parse reads the text of a configuration, or only some of its sections; path is for messages.
func Parse(path string, data []byte, getenv func(string) string, sections ...string) (*Config, []string, error) {
	root, err := parseYAML(path, data)
	if err != nil {
		return nil, nil, err
	}
	c := &Config{}
	c.Server.Port, c.Server.Page = 8090, "on"
	c.Metrics.MaxSeries, c.Storage.MaxBacklog = 20_000, 1_000_000
	c.GitHub.BaseURL, c.GitHub.GiveUp = defaultGitHub, time.Hour
	c.Policy = DefaultPolicy()
	c.Catalog.Mode, c.Catalog.CacheTTL, c.Catalog.MaxWait = "static", 10*time.Minute, 15*time.Minute
	c.OTLP = defaultOTLP()
	openTelemetry := c.OTLP.fromEnvironment(getenv)
	d := &decoder{file: path, sections: sections, nodes: map[string]*yaml.Node{}}
	d.config(root, c)
	c.fromEnvironment(getenv)
	c.complete(d)
	if err := joinErrors(d.errs, d.errorCount); err != nil {
		return nil, nil, err
	}
	if c.OTLP.Enabled || c.OTLP.Traces {
		d.warnings = append(d.warnings, openTelemetry.warnings...)
	}
	if d.includes("otlp") {
		d.warnings = append(d.warnings, openTelemetry.ignored(c.OTLP, func(key string) bool {
			n := d.nodes[key]
			return !empty(n) && n.Value != ""
		})...)
	}
	return c, d.warnings, nil
}

// config reads all known keys.
func (d *decoder) config(root *yaml.Node, c *Config) {
	d.mapping(root, "", fields{
		"server": d.section(fields{
			"host": d.text(&c.Server.Host), "port": d.port(&c.Server.Port), "metrics_listen": d.listenAddress(&c.Server.MetricsListen),
			"page": d.choice(&c.Server.Page, "on", "off"),
		}),
		"github": d.github(&c.GitHub),
		"jira": d.section(fields{
			"webhook_secret": d.secrets(&c.Jira.WebhookSecret), "webhook_secret_file": d.secretFiles(&c.Jira.WebhookSecret),
			"webhook_token": d.secrets(&c.Jira.WebhookToken), "webhook_token_file": d.secretFiles(&c.Jira.WebhookToken),
			"webhook_token_in_url": d.boolean(&c.Jira.WebhookTokenInURL),
			"team_field":           d.text(&c.Jira.TeamField), "evidence_fields": d.stringList("customfield_10100", &c.Jira.EvidenceFields),
			"base_url": d.url(&c.Jira.BaseURL), "user": d.text(&c.Jira.User), "jql": d.text(&c.Jira.JQL),
			"token": d.text(&c.Jira.Token), "token_file": d.secretFile(&c.Jira.Token), "repair": d.interval(&c.Jira.Repair),
			"incidents": d.incidents(&c.Policy.Incidents),
		}),
		"deployments": d.deployments(&c.Policy),
		"changes":     d.changes(&c.Policy),
		"failures":    d.failures(&c.Policy),
		"catalog": d.section(fields{
			"mode": d.choice(&c.Catalog.Mode, "static", "backstage"), "endpoint": d.url(&c.Catalog.Endpoint),
			"token": d.text(&c.Catalog.Token), "token_file": d.secretFile(&c.Catalog.Token),
			"cache_ttl": d.duration(&c.Catalog.CacheTTL), "max_wait": d.duration(&c.Catalog.MaxWait),
		}),
		"teams": d.list("name: Platform", func(n *yaml.Node, path string) {
			t := dora.Team{}
			known := fields{
				"name": d.text(&t.Name), "github_repositories": d.stringList("owner/name", &t.Repositories), "jira_projects": d.stringList("INC", &t.Projects),
				"jira_components": d.stringList("INC/checkout", &t.Components),
			}
			if !d.hasErrors(func() { d.mapping(n, path, known) }) && t.Name == "" {
				d.fail(n, "%s has no name: write \"- name: …\"", path)
			}
			c.Teams = append(c.Teams, t)
		}),
		"environments": d.section(fields{"rewrite": d.rewrites(&c.Environments), "production": d.production(&c.Policy)}),
		"metrics": d.section(fields{
			"max_series": d.number(&c.Metrics.MaxSeries), "redeployment_label": d.boolean(&c.Metrics.RedeploymentLabel),
		}),
		"storage": d.section(fields{
			"database": d.text(&c.Storage.Database), "database_file": d.secretFile(&c.Storage.Database), "schema": d.schema(&c.Storage.Schema),
			"max_backlog": d.number(&c.Storage.MaxBacklog), "retention": d.retention(&c.Storage.Retention),
			"file": d.section(fields{"path": d.text(&c.Storage.File.Path)}),
		}),
		"backfill": d.backfill(&c.Backfill),
		"otlp":     d.otlp(&c.OTLP),
	})
}

// fromEnvironment sets what the file leaves empty.
func (c *Config) fromEnvironment(getenv func(string) string) {
	token := &c.GitHub.Token
	if c.GitHub.App != nil {
		token = new(string)
	}
	for name, value := range map[string]*string{
		"GITHUB_TOKEN": token, "BACKSTAGE_TOKEN": &c.Catalog.Token, "STORAGE_FILE_PATH": &c.Storage.File.Path,
	} {
		if *value == "" {
			*value = getenv(name)
		}
	}
	for name, value := range map[string]*[]string{
		"GITHUB_WEBHOOK_SECRET": &c.GitHub.WebhookSecret, "JIRA_WEBHOOK_SECRET": &c.Jira.WebhookSecret,
	} {
		if secret := getenv(name); len(*value) == 0 && secret != "" {
			*value = []string{secret}
		}
	}
}

// complete checks keys that depend on each other, and derives defaults from other keys.
func (c *Config) complete(d *decoder) {
	if c.Catalog.Mode == "backstage" && c.Catalog.Endpoint == "" && empty(d.nodes["catalog.endpoint"]) {
		d.fail(d.nodes["catalog.mode"], "catalog.mode is backstage, but catalog.endpoint is missing: "+
			"write Backstage's address, such as endpoint: https://backstage.example.com")
	}
	c.Storage.complete(d)
	if keep := c.Storage.Retention; keep > 0 && keep < c.Policy.IncidentWindow {
		d.fail(d.nodes["storage.retention"], "storage.retention is shorter than failures.incident_window: deployments must be kept for as long as an incident may mark them")
	}
	if c.Jira.Repair > 0 && c.Jira.BaseURL == "" && empty(d.nodes["jira.base_url"]) {
		d.fail(d.nodes["jira.repair"], "jira.repair is set, but jira.base_url is missing: write Jira's address, such as base_url: https://acme.atlassian.net")
	}
	if c.Jira.BaseURL != "" && empty(d.nodes["jira.repair"]) {
		c.Jira.Repair = c.GitHub.Repair
	}
	if c.Jira.WebhookTokenInURL && len(c.Jira.WebhookToken) == 0 {
		d.fail(d.nodes["jira.webhook_token_in_url"], "jira.webhook_token_in_url is true, but jira.webhook_token is missing: set the token, too")
	}
	if d.includes("github") {
		c.completeGitHub(d)
	}
	if d.includes("teams") {
		d.checkOwners(c)
	}
	if d.includes("otlp") {
		c.OTLP.complete(d)
	}
}

// Unsigned returns the sources whose webhooks are accepted from anybody because neither a secret nor a token is set.
func (c *Config) Unsigned() []string {
	var sources []string
	if len(c.GitHub.Unsigned()) > 0 {
		sources = append(sources, "github")
	}
	if len(c.Jira.WebhookSecret)+len(c.Jira.WebhookToken) == 0 {
		sources = append(sources, "jira")
	}
	return sources
}
