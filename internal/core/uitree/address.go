package uitree

import (
	"net/url"
	"strings"
)

// kind is what a browser does with the address in a prop.
type kind int

const (
	notAddress kind = iota
	loaded          // it is fetched as soon as it is shown
	followed        // a person may go there; the shell asks first
	// Some members hold a name at one time and an address at another: an icon's, for instance.
	loadedIfAddress
	followedIfAddress
)

// addressOf says which members hold addresses.
func addressOf(component, name string) kind {
	switch name {
	case "src", "imageUrl", "imageURL", "avatarUrl", "avatarURL", "iconUrl", "iconURL", "headerImageUrl", "thumbnailUrl", "previewUrl",
		"backgroundImage", "background-image", "mediaUrl", "videoUrl", "dataURI":
		return loaded
	case "iconBefore", "iconAfter", "image", "avatar", "source", "media", "thumbnail", "icon", "glyph":
		return loadedIfAddress
	case "href":
		return followed
	case "url":
		if component == "Image" {
			return loaded
		}
		return followed
	case "link", "to", "target", "navigateTo":
		return followedIfAddress
	}
	return notAddress
}

// admits decides about an address.
func (t *Tree) admits(k kind, text string) bool {
	if k == loadedIfAddress || k == followedIfAddress {
		if !strings.ContainsAny(text, ":/\\") {
			return true // a name
		}
		if k == loadedIfAddress {
			k = loaded
		} else {
			k = followed
		}
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) || len(text) > 1<<20 {
		return false
	}
	switch scheme, rest, _ := strings.Cut(text, ":"); {
	case text == "":
		return true
	case strings.HasPrefix(text, "//"):
		return false
	case strings.HasPrefix(text, "/"), strings.HasPrefix(text, "#"), strings.HasPrefix(text, "?"), strings.HasPrefix(text, "./"):
		return true
	case scheme == text: // no scheme: a path below the page's
		return true
	case strings.ContainsAny(scheme, "/?#"):
		return true
	case scheme == "resource":
		return !strings.Contains(rest, "..")
	case scheme == "data":
		return k == loaded && isPicture(rest)
	case scheme == "mailto":
		return k == followed
	case strings.EqualFold(scheme, "https"):
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil {
			return false
		}
		return k == followed || t.rules.Image != nil && t.rules.Image(text)
	}
	return false
}

// isPicture says whether a data URL holds a picture; nothing is asked for to show it.
func isPicture(rest string) bool {
	for _, typ := range []string{"png", "jpeg", "gif", "webp", "avif", "svg+xml"} {
		after, ok := strings.CutPrefix(rest, "image/"+typ)
		if ok && (strings.HasPrefix(after, ";") || strings.HasPrefix(after, ",")) {
			return true
		}
	}
	return false
}
