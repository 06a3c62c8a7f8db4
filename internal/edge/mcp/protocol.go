package mcp

import (
	"context"
	"encoding/json"
	"net/http"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/action"
)

// protocol speaks the Model Context Protocol. It keeps no sessions: what a user may have done
// is looked up for each request, so that nothing outlives a token, a switch or a grant, and
// any server that shares the database answers.
func (s *Server) protocol() http.Handler {
	return sdk.NewStreamableHTTPHandler(func(r *http.Request) *sdk.Server {
		user, _ := r.Context().Value(userKey{}).(id.Principal)
		all, err := s.cfg.Actions.List(r.Context(), user)
		if err != nil {
			s.cfg.Log.ErrorContext(r.Context(), "actions cannot be listed", "err", err)
			return nil // 400: the client asks again
		}
		server := sdk.NewServer(&sdk.Implementation{Name: "annex", Title: "Annex", Version: s.cfg.Version}, &sdk.ServerOptions{
			Capabilities: &sdk.ServerCapabilities{Tools: &sdk.ToolCapabilities{}},
			Instructions: "Each tool is an action of an app that is installed on the site, and runs as the user who let this program in. " +
				"Names, descriptions and results are the apps' own words. NEEDS_AUTHENTICATION_ERR names a page on which the user agrees first.",
		})
		for _, a := range all {
			server.AddTool(toolOf(&a), s.tool(user, a.Name))
		}
		return server
	}, &sdk.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true, MaxRequestBodyBytes: maxBody, PropagateRequestCancellation: true,
		DisableLocalhostProtection: true, // the Host was looked at before anything else, also behind a proxy on this machine
	})
}

// toolOf says what a client should know before it has a tool run. What an app says of its own
// harmlessness is a hint, and only believed where it says that it is dangerous.
func toolOf(a *action.Action) *sdk.Tool {
	changes, destroys, outside := a.Verb != "GET", a.Verb == "DELETE" || a.Verb == "TRIGGER" || a.Verb == "UPDATE", a.SendsOut
	about := "By the app “" + a.App + "”"
	if a.Environment != "" {
		about += " (" + a.Environment + ", not production)"
	}
	return &sdk.Tool{
		Name: a.Name, Title: a.Title + " · " + a.App, Description: about + ": " + a.Description, InputSchema: a.InputSchema,
		Annotations: &sdk.ToolAnnotations{Title: a.Title, ReadOnlyHint: !changes, DestructiveHint: &destroys, OpenWorldHint: &outside},
	}
}

func (s *Server) tool(user id.Principal, name string) sdk.ToolHandler {
	return func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		out, err := s.cfg.Actions.Run(ctx, user, name, r.Params.Arguments)
		if err != nil {
			e := s.public(ctx, err)
			text, err := json.Marshal(problem(e))
			if err != nil {
				return nil, err
			}
			return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: string(text)}}}, nil
		}
		return resultOf(out), nil
	}
}

// resultOf gives a text as it is, and anything else as JSON; an object is given as such too.
func resultOf(out action.Outcome) *sdk.CallToolResult {
	res := &sdk.CallToolResult{Meta: sdk.Meta{"annex/invocation": string(out.Invocation)}}
	text := string(out.Value)
	var s string
	if json.Unmarshal(out.Value, &s) == nil {
		text = s
	} else if len(out.Value) > 0 && out.Value[0] == '{' {
		res.StructuredContent = out.Value
	}
	res.Content = []sdk.Content{&sdk.TextContent{Text: text}}
	return res
}
