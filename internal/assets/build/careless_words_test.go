package main

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/bundle"
)

// What React says in numbers is in an app's log in words: a resolver that returns nothing answers
// an object, and whoever shows it is told so.
func TestErrorsOfReactAreInWords(t *testing.T) {
	const fn = "ui:main"
	s := perform(t, newEngine(t), map[string]string{"src/ui.jsx": `
import React from 'react';
import ForgeReconciler, { Text } from '@forge/react';
const App = () => <Text>{{ a: 1 }}</Text>;
ForgeReconciler.render(<App />);
`}, nil, bundle.Interface{Key: "main", File: "src/ui.jsx"})
	tree := last(s.event(fn, `{"type":"open"}`))
	if tree == nil || !strings.Contains(tree.text(), "could not show this") {
		t.Fatalf("%+v", tree)
	}
	if all := strings.Join(s.logs, "\n"); !strings.Contains(all, "an object stands where a text, an element or a list of them belongs (object with keys {a}) [React error 31]") {
		t.Error(all)
	}
}
