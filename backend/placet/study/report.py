"""placeholder"""
def html(data, judgement, outcome):
    return "<html></html>"
