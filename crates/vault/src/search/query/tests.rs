use super::*;

fn parse(text: &str) -> Result<Query, QueryError> {
    Query::parse(text, &TimeZone::UTC)
}

fn root(text: &str) -> Node {
    parse(text).unwrap().root
}

fn word(text: &str) -> Node {
    Node::Text(Sequence::of(text, false).unwrap())
}

fn problem(text: &str) -> (Problem, Range<usize>) {
    let error = parse(text).unwrap_err();
    (error.problem, error.span)
}

#[test]
fn operators_bind_as_written() {
    assert_eq!(root(""), Node::All);
    assert_eq!(root("a b"), Node::And(vec![word("a"), word("b")]));
    assert_eq!(root("a AND b"), root("a b"));
    assert_eq!(
        root("a b or c"),
        Node::Or(vec![Node::And(vec![word("a"), word("b")]), word("c")])
    );
    assert_eq!(
        root("a (b OR c)"),
        Node::And(vec![word("a"), Node::Or(vec![word("b"), word("c")])])
    );
    assert_eq!(
        root("-a not b"),
        Node::And(vec![
            Node::Not(word("a").into()),
            Node::Not(word("b").into())
        ])
    );
    assert_eq!(root("\"or\""), word("or"));
    assert_eq!(root("„gut gemacht“"), word("gut gemacht"));
    assert_eq!(root("e-mail"), word("e mail"));
}

#[test]
fn near_has_a_distance() {
    let near = |within| Node::Near {
        items: vec![
            Sequence::of("a", false).unwrap(),
            Sequence::of("b", false).unwrap(),
        ],
        within,
    };
    assert_eq!(root("\"a b\"~3"), near(3));
    assert_eq!(root("a NEAR/4 b"), near(4));
    assert_eq!(root("a NEAR b"), near(10));
    assert_eq!(problem("a NEAR kind:edit").0, Problem::Near);
    assert_eq!(problem("\"a b\"~x").0, Problem::Distance);
}

#[test]
fn fields_take_the_rest_of_the_word_or_a_phrase() {
    assert_eq!(
        root("from:anna"),
        Node::Person(Role::From, Sequence::of("anna", false).unwrap())
    );
    assert_eq!(
        root("to:\"Anna Smith\""),
        Node::Person(Role::To, Sequence::of("anna smith", false).unwrap())
    );
    assert_eq!(
        root("with:+44 20 7946 0958"),
        Node::Person(Role::With, Sequence::of("+442079460958", false).unwrap())
    );
    assert_eq!(root("Network:Signal"), Node::Network("signal".into()));
    assert_eq!(root("kind:edit"), Node::Kind(Kind::Edit));
    assert_eq!(root("has:image"), Node::Has(Feature::Image));
    assert_eq!(root("https://example.com"), word("https example com"));
    assert_eq!(root("10:30"), word("10 30"));
}

#[test]
fn dates_are_whole_days_of_the_zone() {
    let at =
        |text: &str| Milliseconds::new(text.parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let span = |from: Option<&str>, until: Option<&str>| {
        Node::When(Span {
            from: from.map(at),
            until: until.map(at),
        })
    };
    assert_eq!(
        root("before:2024-05"),
        span(None, Some("2024-05-01T00:00:00Z"))
    );
    assert_eq!(
        root("after:2024-05"),
        span(Some("2024-06-01T00:00:00Z"), None)
    );
    assert_eq!(
        root("on:2024"),
        span(Some("2024-01-01T00:00:00Z"), Some("2025-01-01T00:00:00Z"))
    );
    assert_eq!(
        root("on:2024-05-17"),
        span(Some("2024-05-17T00:00:00Z"), Some("2024-05-18T00:00:00Z"))
    );
    assert_eq!(
        root("on:2024-05..2024-06-02"),
        span(Some("2024-05-01T00:00:00Z"), Some("2024-06-03T00:00:00Z"))
    );
    let berlin = TimeZone::get("Europe/Berlin");
    if let Ok(berlin) = berlin {
        let query = Query::parse("on:2024-07-01", &berlin).unwrap();
        assert_eq!(query.span().from, Some(at("2024-06-30T22:00:00Z")));
    }
    for bad in [
        "on:2024-13",
        "on:yesterday",
        "before:",
        "after:99999",
        "on:2024-02-30",
        "on:2024-06..2024-05",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_span_is_what_every_hit_lies_in() {
    assert_eq!(parse("a").unwrap().span(), Span::default());
    let query = parse("a after:2023 before:2025").unwrap();
    assert!(query.span().from.is_some() && query.span().until.is_some());
    assert_eq!(parse("a or before:2025").unwrap().span(), Span::default());
    assert_eq!(parse("-before:2025").unwrap().span(), Span::default());
}

#[test]
fn errors_say_where() {
    assert_eq!(problem("a \"b"), (Problem::Quote, 2..3));
    assert_eq!(problem("a (b"), (Problem::Open, 2..3));
    assert_eq!(problem("a) b"), (Problem::Close, 1..2));
    assert_eq!(problem("a or"), (Problem::Operand("or"), 2..4));
    assert_eq!(problem("or a"), (Problem::Operand("or"), 0..2));
    assert_eq!(problem("a !!!"), (Problem::Nothing, 2..5));
    assert_eq!(problem("b*d"), (Problem::Star, 1..2));
    assert_eq!(problem("b*"), (Problem::ShortPrefix, 0..2));
    assert_eq!(problem("kind:banana"), (Problem::Kind, 5..11));
    assert_eq!(problem("has:banana"), (Problem::Feature, 4..10));
    assert_eq!(problem("from:").0, Problem::Value("from", "anna"));
    assert_eq!(problem(&"(".repeat(200)).0, Problem::Depth);
    assert_eq!(problem(&"a ".repeat(200)).0, Problem::Leaves);
    assert!(matches!(problem(&"a".repeat(5000)).0, Problem::Long(5000)));
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "\\PC{0,60}") {
        if let Err(error) = parse(&text) {
            proptest::prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
        }
    }

    #[test]
    fn no_mixture_of_its_own_pieces_breaks_it(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec!["(", ")", "\"", " or ", " and ", "not ", "-", "a", "b*", "~3", "from:", "on:2024",
                " NEAR ", "预算会议", "+49 ", "*", "“", "#x", " "]), 0..40)
    ) {
        let text: String = pieces.concat();
        if let Err(error) = parse(&text) {
            proptest::prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
        }
    }
}
