package client

import (
	"time"

	"github.com/annexhq/annex/internal/core/perm"
)

// The types of what left, and of what a change means for it. They have the schemas' fields.
type (
	Signal = perm.Signal
	Sent   struct {
		Installation string           `json:"installation"`
		Since        time.Time        `json:"since"`
		Until        time.Time        `json:"until"`
		Step         string           `json:"step"`
		Signal       Signal           `json:"signal"`
		Total        SentCount        `json:"total"`
		Destinations []SentTo         `json:"destinations"`
		Possible     []SentPossible   `json:"possible"`
		Configured   []SentConfigured `json:"configured"`
		Remotes      []SentRemote     `json:"remotes"`
		Networks     []SentNetwork    `json:"networks"`
		Analytics    *bool            `json:"analytics,omitempty"`
	}
	SentCount struct {
		Requests int64      `json:"requests"`
		Refused  int64      `json:"refused"`
		Failed   int64      `json:"failed"`
		Sent     int64      `json:"sent"`
		Received int64      `json:"received"`
		Last     *time.Time `json:"last,omitempty"`
	}
	SentTo struct {
		Via      string       `json:"via"`
		Key      string       `json:"key,omitempty"`
		Type     string       `json:"type,omitempty"`
		Origin   string       `json:"origin"`
		Requests int64        `json:"requests"`
		Refused  int64        `json:"refused"`
		Failed   int64        `json:"failed"`
		Sent     int64        `json:"sent"`
		Received int64        `json:"received"`
		Last     *time.Time   `json:"last,omitempty"`
		Rules    []string     `json:"rules"`
		Buckets  []SentBucket `json:"buckets"`
	}
	SentBucket struct {
		From time.Time `json:"from"`
		SentCount
	}
	SentPossible struct {
		Type    string `json:"type"`
		Pattern string `json:"pattern"`
	}
	SentConfigured struct {
		Group       string    `json:"group,omitempty"`
		Description string    `json:"description,omitempty"`
		Type        string    `json:"type"`
		Pattern     string    `json:"pattern"`
		By          string    `json:"by,omitempty"`
		ByName      string    `json:"byName,omitempty"`
		At          time.Time `json:"at"`
		Metered     bool      `json:"metered"`
		SentCount
	}
	SentRemote struct {
		Key          string     `json:"key"`
		Name         string     `json:"name,omitempty"`
		URL          string     `json:"url,omitempty"`
		Configurable bool       `json:"configurable"`
		By           string     `json:"by,omitempty"`
		ByName       string     `json:"byName,omitempty"`
		At           *time.Time `json:"at,omitempty"`
		Why          string     `json:"why,omitempty"`
		SentCount
	}
	SentNetwork struct {
		Remote  string     `json:"remote"`
		Host    string     `json:"host"`
		Port    uint16     `json:"port"`
		CIDR    string     `json:"cidr"`
		By      string     `json:"by,omitempty"`
		ByName  string     `json:"byName,omitempty"`
		At      time.Time  `json:"at"`
		Expires *time.Time `json:"expires,omitempty"`
	}
	Suggestion struct {
		Calls      int64    `json:"calls"`
		Days       int      `json:"days"`
		Proposed   perm.Set `json:"proposed"`
		Unused     perm.Set `json:"unused"`
		Unmeasured perm.Set `json:"unmeasured"`
		Rest       int64    `json:"rest"`
		Keys       []string `json:"keys"`
	}
	WhatIfChange struct {
		GrantChange
		Allow    []EgressHost `json:"allow,omitempty"`
		Disallow []EgressHost `json:"disallow,omitempty"`
		Remotes  []RemoteURL  `json:"remotes,omitempty"`
		// What is opened names the operator's entry, what is closed does not.
		OpenNetworks  []NetworkOfRemote `json:"openNetworks,omitempty"`
		CloseNetworks []NetworkOfRemote `json:"closeNetworks,omitempty"`
		RemoveModules []string          `json:"removeModules,omitempty"`
		// Each of the two stands alone.
		Uninstall bool          `json:"uninstall,omitempty"`
		Approval  *Confirmation `json:"approval,omitempty"`
	}
	// NetworkOfRemote is a host of a private network that is open for a remote.
	NetworkOfRemote struct {
		Remote  string `json:"remote"`
		Network string `json:"network,omitempty"`
		Host    string `json:"host"`
		Port    uint16 `json:"port"`
	}
	// RemoteURL is where a remote were; an empty URL takes away what was set.
	RemoteURL struct {
		Key string `json:"key"`
		URL string `json:"url,omitempty"`
	}
	EgressHost struct {
		Type string `json:"type"`
		Host string `json:"host"`
	}
	Prediction struct {
		Days        int          `json:"days"`
		Seen        int64        `json:"seen"`
		Refused     int64        `json:"refused"`
		Allowed     int64        `json:"allowed"`
		Unsure      int64        `json:"unsure"`
		Differences []Difference `json:"differences"`
		Before      Signal       `json:"before"`
		After       Signal       `json:"after"`
		Stops       []Part       `json:"stops"`
	}
	Part struct {
		Type  string `json:"type"`
		Key   string `json:"key,omitempty"`
		Title string `json:"title,omitempty"`
	}
	Difference struct {
		Via       string `json:"via"`
		Key       string `json:"key,omitempty"`
		Type      string `json:"type,omitempty"`
		Origin    string `json:"origin"`
		Operation string `json:"operation,omitempty"`
		Refused   int64  `json:"refused"`
		Allowed   int64  `json:"allowed"`
		Unsure    int64  `json:"unsure"`
	}
)
